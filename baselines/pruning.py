"""What static pruning of inner channels shares: which channels go is the method's, taking them out is done here.

Only channels inside a residual branch are removed, as in Li et al.: the residual sum keeps its width. They are really
taken out, so the pruned network is a smaller dense one.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import Tensor

from baselines.dense import Dense
from bench.methods.objective import nearest_step
from bench.networks.blocks import Backbone, ConvUnit
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.networks.surgery import keep_inner

STEPS = 64
"""Shares of channels are multiples of 1/64 before rounding to channels."""


def strongest(importance: Tensor, count: int) -> Tensor:
    """Indices of the ``count`` largest values, ascending."""
    return importance.topk(count).indices.sort().values


class UniformPruning(Dense):
    """One-shot pruning of the same share of channels in every block, then fine-tuning. Subclasses rank the channels.

    The papers choose rates per stage by hand, from sensitivity curves; one rate for all needs no look at the data.
    """

    has_points = True

    def importance(self, unit: ConvUnit) -> Tensor:
        """How much each output channel of ``unit`` matters, ``[C_out]``; the least important go first."""
        raise NotImplementedError

    def prune(self, backbone: Backbone, widths: Sequence[Sequence[int]]) -> Backbone:
        """Keeps in every block so many channels behind each unit but the last; in place.

        Args:
            widths: per block, one count per inner unit.
        """
        for block, counts in zip(backbone.blocks, widths, strict=True):
            for index, count in enumerate(counts):
                keep_inner(block, index, strongest(self.importance(block.units[index]), count))
        return backbone

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        assert point is not None
        dense = count_backbone(backbone).total

        def fraction(step: int) -> float:
            return count_backbone(self.prune(copy.deepcopy(backbone), _widths(backbone, step / STEPS))).total / dense

        share = nearest_step(fraction, 1, STEPS, point) / STEPS
        return DynamicNetwork(self.prune(backbone, _widths(backbone, share)))


def _widths(backbone: Backbone, share: float) -> list[list[int]]:
    return [[max(1, round(share * unit.conv.out_channels)) for unit in block.units[:-1]] for block in backbone.blocks]
