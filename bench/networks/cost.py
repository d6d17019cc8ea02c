"""Multiply-accumulates (MACs) of every single sample, as a differentiable function of what was decided.

One multiply-accumulate is 1 MAC = 2 FLOPs. Convolutions and matrix products are counted; batch norm (folded at
inference), activations, pooling and additions are not, in the backbone and in the gates alike. The same function is
the training regulariser and the reported number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

from bench.networks.blocks import Backbone, ResidualBlock, SelfGatedUnit
from bench.networks.decisions import BlockDecision, Output
from bench.networks.products import counted_products
from bench.networks.router import GateCost


@dataclass(frozen=True)
class BlockCost:
    """MACs of one block at full width: each unit of its branch, and the shortcut, which always runs.

    Attributes:
        pairs: of the branch, what grows with the square of the number of tokens: products of features with features.
    """

    units: tuple[int, ...]
    shortcut: int
    gated_unit: int
    inner_channels: int
    pairs: int = 0

    @property
    def branch(self) -> int:
        return sum(self.units)

    @property
    def per_channel(self) -> int:
        """What one inner channel costs: an output of the gated unit and an input of the next."""
        return (self.units[self.gated_unit] + self.units[self.gated_unit + 1]) // self.inner_channels

    def branch_of_tokens(self, kept: Tensor) -> Tensor:
        """MACs of the branch for the tokens ``kept`` ``[N, T]`` alone, ``[N]``."""
        share = kept.double().mean(1)
        return (self.branch - self.pairs) * share + self.pairs * share.square()


@dataclass(frozen=True)
class BackboneCost:
    """MACs of a backbone for one image."""

    stem: int
    blocks: tuple[BlockCost, ...]
    head: int

    @property
    def fixed(self) -> int:
        """What no decision can save: stem, shortcuts, classifier."""
        return self.stem + self.head + sum(block.shortcut for block in self.blocks)

    @property
    def total(self) -> int:
        return self.fixed + sum(block.branch for block in self.blocks)

    @property
    def ends(self) -> list[float]:
        """The share of the total that is spent at the end of each block."""
        blocks = [block.branch + block.shortcut for block in self.blocks]
        return [(self.stem + spent) / self.total for spent in accumulate(blocks)]


@dataclass(frozen=True)
class SampleCost:
    """MACs of each sample of a batch, ``[N]`` in float64: all of them, the gates' share, and each member's.

    Attributes:
        gates: of all gates, and of classifiers before the last one.
        members: of each network of a cascade; empty for a single network.
    """

    total: Tensor
    gates: Tensor
    members: tuple[Tensor, ...] = ()


def count_backbone(backbone: Backbone) -> BackboneCost:
    """Counts a backbone at full width for one image of its ``image_shape``."""
    macs = _macs_by_module(backbone, backbone.image_shape)

    def count(module: nn.Module) -> int:
        return _sum_of(module, macs)

    def count_block(block: ResidualBlock) -> BlockCost:
        # What a self-gated unit spends on its decisions is the router's to count.
        units = tuple(count(part.conv if isinstance(part, SelfGatedUnit) else part) for part in block.parts)
        pairs = sum(macs.get(module, 0) for module in block.modules() if not hasattr(module, "weight"))
        return BlockCost(units, count(block.shortcut), block.gated_unit, block.inner_channels, pairs)

    blocks = tuple(count_block(block) for block in backbone.blocks)
    return BackboneCost(count(backbone.stem), blocks, count(backbone.tail))


def module_macs(module: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """MACs of any module for one input of ``(channels, height, width)``."""
    return sum(_macs_by_module(module, image_shape).values())


def count_parts(network: nn.Module, parts: Iterable[nn.Module], image_shape: tuple[int, int, int]) -> list[int]:
    """MACs of each of some ``parts`` of ``network`` for one image."""
    macs = _macs_by_module(network, image_shape)
    return [_sum_of(part, macs) for part in parts]


def _sum_of(module: nn.Module, macs: Mapping[nn.Module, int]) -> int:
    return sum(macs.get(child, 0) for child in module.modules())


@torch.no_grad()
def _macs_by_module(network: nn.Module, image_shape: tuple[int, int, int]) -> dict[nn.Module, int]:
    """MACs of every module's own products, from the shapes seen in one forward pass."""
    macs: dict[nn.Module, int] = {}
    training = network.training
    try:
        weight = next(network.parameters())
        with counted_products(network, macs):
            network.eval()(torch.zeros(1, *image_shape, dtype=weight.dtype, device=weight.device))
    finally:
        network.train(training)
    return macs


def sample_cost(
    backbone: BackboneCost, gates: GateCost, decisions: Sequence[BlockDecision], reached: Tensor | None = None
) -> SampleCost:
    """MACs of each sample, gates included.

    Products are taken sample by sample: the mean over a batch of (executed x kept) is not the product of the means.

    Args:
        reached: which parts each sample comes to before it stops, ``[N, blocks + 1]``: every block with its shortcut
            and gates, and the classifier. None: all.
    """
    first = decisions[0].layer.executed
    comes = [1] * (len(decisions) + 1) if reached is None else reached.unbind(1)
    exits = gates.exits or (0,) * len(decisions)
    gate_macs = torch.full_like(first, gates.image, dtype=torch.float64)
    block_macs = torch.full_like(first, backbone.stem, dtype=torch.float64) + comes[-1] * backbone.head
    for index, decision in enumerate(decisions):
        executed = comes[index] * decision.layer.executed.double()
        gate_macs = gate_macs + comes[index] * (gates.layer[index] + exits[index]) + executed * gates.channels[index]
        block_macs = block_macs + executed * _branch_macs(backbone.blocks[index], decision)
        block_macs = block_macs + comes[index] * backbone.blocks[index].shortcut
    return SampleCost(block_macs + gate_macs, gate_macs)


def output_cost(backbone: BackboneCost, gates: GateCost, output: Output) -> SampleCost:
    """MACs of each sample of what a network put out, in whatever way it ran."""
    reached = None if output.exits is None else reached_parts(gates, output.exits.taken)
    return sample_cost(backbone, gates, output.decisions, reached)


def reached_parts(gates: GateCost, taken: Tensor) -> Tensor:
    """Which parts samples come to that stop at answers ``taken`` ``[N]``: blocks, classifier; ``[N, blocks + 1]``."""
    passed = [sum(macs > 0 for macs in gates.exits[:index]) for index in range(len(gates.exits) + 1)]
    return (taken[:, None] >= torch.tensor(passed, device=taken.device)).double()


def _branch_macs(block: BlockCost, decision: BlockDecision) -> Tensor | int:
    if decision.tokens is not None:
        return block.branch_of_tokens(decision.tokens)
    if decision.units:
        return sum(macs * share for macs, share in zip(block.units, decision.unit_shares))
    if decision.channels is None:
        return block.branch
    dropped = block.inner_channels - decision.channels.kept.double().sum(1)
    return block.branch - dropped * block.per_channel
