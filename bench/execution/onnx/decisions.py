"""The names under which an exported network puts out what it decided, and its output made of them again."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.networks.cascade import Cascade, parts_of
from bench.networks.cost import reached_parts
from bench.networks.decisions import BlockDecision, ChannelDecision, ExitDecision, LayerDecision, Output
from bench.networks.network import DynamicNetwork

LOGITS, EXIT, EXECUTED, KEPT = "logits", "exit", "executed_{}", "kept_{}"
"""Outputs: ``[N, classes]``; which answer was given, ``[N]``; of each gated block whether it was executed, ``[N]``, and
which inner channels were kept, ``[N, C]``. The numbers are those of ``samples.parquet``."""


@dataclass(frozen=True)
class BlockGates:
    """What is decided about one block for each image."""

    layer: bool
    channels: bool

    def nothing(self, like: Tensor, inner_channels: int) -> list[Tensor]:
        """The outputs about the block, as many as there are gates, where no image ``like`` ``[N, ...]`` comes to it."""
        executed = [like.new_zeros(len(like)) for _ in range(self.layer)]
        return executed + [like.new_zeros(len(like), inner_channels) for _ in range(self.channels)]


@torch.no_grad()
def gates_of(network: DynamicNetwork) -> list[BlockGates]:
    """What is decided about each block, found out with an image of zeros."""
    network = copy.deepcopy(network).eval()  # A network in training would take the zeros into its statistics.
    router, gates = network.router, []
    images = torch.zeros(1, *network.backbone.image_shape)
    state, x = router.start(images), network.backbone.stem(images)
    for index, block in enumerate(network.backbone.blocks):
        features = router.gate_input(index, x)
        layer = router.decide_layer(index, features, state)
        gates.append(BlockGates(not layer.certain, router.decide_channels(index, features, state) is not None))
        x = block(x)
    return gates


def decided_by(network: DynamicNetwork | Cascade) -> list[str]:
    """What a network decides for each image: those of ``layers``, ``answers`` and ``channels`` that it does."""
    gates = [gate for part in parts_of(network) for gate in gates_of(part)]
    kinds = {
        "layers": any(gate.layer for gate in gates),
        "answers": network.rule is not None,
        "channels": any(gate.channels for gate in gates),
    }
    return [kind for kind, decides in kinds.items() if decides]


def output_names(gates: Sequence[BlockGates], answers: int) -> list[str]:
    """Names of all outputs, in their order.

    Args:
        gates: of all blocks; those of a cascade's members one after the other.
        answers: between which there is a choice; 1: none.
    """
    names = [LOGITS] + [EXIT] * (answers > 1)
    for index, gate in enumerate(gates):
        names += [EXECUTED.format(index)] * gate.layer + [KEPT.format(index)] * gate.channels
    return names


def output_of(named: Mapping[str, Tensor], network: DynamicNetwork | Cascade) -> Output:
    """The output of ``network`` that has the tensors ``named``; scales are not known and given as decisions."""
    logits = named[LOGITS]
    exits = ExitDecision(named[EXIT].long()) if EXIT in named else None
    everybody = [logits.new_ones(len(logits))] * sum(len(part.backbone.blocks) for part in parts_of(network))
    reached = everybody if exits is None else reached_blocks(network, exits.taken)
    decisions = tuple(_decision(named, index, comes.to(logits.dtype)) for index, comes in enumerate(reached))
    return Output(logits, decisions, None, exits)


def reached_blocks(network: DynamicNetwork | Cascade, taken: Tensor) -> list[Tensor]:
    """Which blocks of all parts images come to that stop at answers ``taken`` ``[N]``: one ``[N]`` for each block."""
    if isinstance(network, Cascade):
        sizes = [len(member.backbone.blocks) for member in network.members]
        return [(taken >= number).double() for number, size in enumerate(sizes) for _ in range(size)]
    return list(reached_parts(network.gate_cost, taken).unbind(1))[:-1]


def _decision(named: Mapping[str, Tensor], index: int, comes: Tensor) -> BlockDecision:
    executed, kept = named.get(EXECUTED.format(index), comes), named.get(KEPT.format(index))
    return BlockDecision(LayerDecision(executed, executed), None if kept is None else ChannelDecision(kept, kept))
