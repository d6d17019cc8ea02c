"""The same blocks dropped for every image: the rival that any layer gate must beat.

Which blocks: as many as bring the MACs nearest to the operating point, evenly distributed over the depth, as in the
*distributed* ablation of BlockDrop (Wu et al., arXiv 1711.08393, table 1), its strongest static drop. Stage starts may
be dropped too; their shortcut still runs. The rest is fine-tuned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from baselines.dense import Dense
from bench.methods.interface import MethodInfo, Reported
from bench.networks.blocks import Backbone
from bench.networks.cost import BackboneCost, count_backbone
from bench.networks.decisions import LayerDecision
from bench.networks.network import DynamicNetwork
from bench.networks.router import Router


class FixedRouter(Router):
    """Executes the same blocks for every image; costs nothing.

    Args:
        blocks: number of blocks.
        executed: indices of those that run.
    """

    executed: Tensor

    def __init__(self, blocks: int, executed: Sequence[int]):
        super().__init__(blocks)
        self.register_buffer("executed", torch.zeros(blocks))
        self.executed[list(executed)] = 1

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        executed = self.executed[index].to(features.dtype).expand(len(features))
        return LayerDecision(executed, executed)


def distributed(blocks: int, kept: int) -> list[int]:
    """``kept`` of ``blocks`` indices, evenly spaced: the middles of ``kept`` equal intervals."""
    return [int((position + 0.5) * blocks / kept) for position in range(kept)]


def nearest_distribution(cost: BackboneCost, point: float) -> list[int]:
    """The evenly spaced blocks whose MACs, with all that cannot be dropped, are nearest to ``point``."""

    def miss(executed: list[int]) -> float:
        return abs(cost.fixed + sum(cost.blocks[index].branch for index in executed) - point * cost.total)

    count = len(cost.blocks)
    return min((distributed(count, kept) for kept in range(count + 1)), key=miss)


_SOURCE = "Wu et al. 2018 (arXiv 1711.08393), table 1, distributed 7 of 15 and 17 of 54 blocks; MACs not told"


class Fixed(Dense):
    """A static choice of blocks, fine-tuned."""

    info = MethodInfo(
        decides="nothing (blocks dropped for all images)",
        looks_at="nothing",
        paper="Wu et al., BlockDrop, CVPR 2018, arXiv 1711.08393 (its ablation DistributeK)",
        year=2018,
        reported=(
            Reported("cifar10", "resnet32", 90.2, None, _SOURCE),
            Reported("cifar10", "resnet110", 92.7, None, _SOURCE),
        ),
    )
    has_points = True

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        assert point is not None
        executed = nearest_distribution(count_backbone(backbone), point)
        return DynamicNetwork(backbone, FixedRouter(len(backbone.blocks), executed))
