"""A dynamic network for any number of images: everything is computed, then multiplied by what was decided.

The same function as :class:`bench.networks.DynamicNetwork`, without the ``len`` of a batch, which a trace takes for a
constant.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.execution.onnx.decisions import BlockGates, reached_blocks
from bench.execution.onnx.graphs import Graph
from bench.networks.cascade import parts_of
from bench.networks.network import DynamicNetwork
from bench.networks.stopping import StopRule


class MaskedGraph(Graph):
    """Images ``[N, 3, H, W]`` to logits and decisions."""

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        given: list[Tensor] = []
        decided: list[list[Tensor]] = []
        for part, gates in zip(parts_of(self.network), self.gates):
            decided += _run(part, gates, images, given)
        if self.network.rule is None:
            return (given[-1], *(tensor for block in decided for tensor in block))
        logits, taken = _chosen(self.network.rule, given)
        reached = [comes.to(logits.dtype) for comes in reached_blocks(self.network, taken)]
        of_those = [_of_those(tensor, comes) for block, comes in zip(decided, reached) for tensor in block]
        return (logits, taken, *of_those)


def _run(
    network: DynamicNetwork, gates: Sequence[BlockGates], images: Tensor, given: list[Tensor]
) -> list[list[Tensor]]:
    """What was decided about each block; appends to ``given`` what every classifier says."""
    router, decided = network.router, []
    state, x = router.start(images), network.backbone.stem(images)
    for index, (block, gate) in enumerate(zip(network.backbone.blocks, gates)):
        features = router.gate_input(index, x)
        layer = router.decide_layer(index, features, state) if gate.layer else None
        channels = router.decide_channels(index, features, state)
        x = block(x, None if layer is None else layer.scale, None if channels is None else channels.scale)
        executed = [] if layer is None else [layer.executed]
        kept = [] if channels is None else [_of_those(channels.kept, *executed)]
        decided.append(executed + kept)
        if network.exits is not None:
            network.exits.ask(index, x, given)
    given.append(network.backbone.head(x))
    return decided


def _of_those(decided: Tensor, *comes: Tensor) -> Tensor:
    """A decision ``[N]`` or ``[N, C]`` where only some of the images come to the block, ``[N]`` 0 or 1."""
    for one in comes:
        decided = decided * (one if decided.dim() == 1 else one[:, None])
    return decided


def _chosen(rule: StopRule, given: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """As :meth:`bench.networks.StopRule.choose`: the logits ``[N, classes]``, and the number ``[N]`` of each answer."""
    answer = rule.answer(given)
    taken = torch.full_like(answer[:, 0], len(given) - 1, dtype=torch.int64)
    for number in reversed(range(len(given) - 1)):
        asked = given[: number + 1]
        stops = rule.stops(asked)
        answer = torch.where(stops[:, None], rule.answer(asked), answer)
        taken = torch.where(stops, number, taken)
    return answer, taken
