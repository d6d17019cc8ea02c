"""Channel gating (Hua, Zhou, De Sa, Zhang, Suh, NeurIPS 2019, arXiv 1805.12549): finish only promising outputs.

Each convolution of a residual branch first sums over 1/p of its input channels. Where that partial sum, normalised
without affine parameters, exceeds a threshold of its output channel, the sum is completed over all input channels;
elsewhere the partial sum stands. This is decided for every position of every output channel of every image. Finished
and unfinished sums have batch norms of their own (paper; the public code shares one). A loss draws all thresholds
towards one target, which sets how much is finished.

Channel grouping: output group g starts from input group g, so that all inputs take part. The channel shuffle between
grouped layers is folded into the choice of groups (output groups are contiguous, input groups interleaved), which
leaves the dense network's function, and trained weights, as they are.

No stock convolution kernel computes single positions of single channels: nothing is skipped, time is that of *masked*
execution, and slower than the dense network's. What is ours:

- the threshold target is solved from the operating point: normalised sums being about normal, a threshold t finishes
  a share 1 - Phi(t). It rises during the first half of the training from almost everything finished;
- the batch mean of the MACs fraction is pulled to the same falling target, since sums are only about normal;
- p = 4, and the threshold loss has the public code's weight. There are no per-channel gates (optional in the paper).
"""

from __future__ import annotations

import copy
from statistics import NormalDist
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import BadInput
from bench.methods.interface import Budget, Method, MethodInfo, Stage, TrainingBatch, joint_groups
from bench.methods.objective import falling_target, target_penalty
from bench.networks.blocks import Backbone, ConvUnit, SelfGatedUnit
from bench.networks.decisions import UnitDecision
from bench.networks.gates import straight_through
from bench.networks.modules import Modules
from bench.networks.network import DynamicNetwork

SHARPNESS = 2.0
"""Slope of the sigmoid whose gradient the threshold uses; it changes no decision."""
THRESHOLD_WEIGHT = 1e-4
GATE_LR = 0.02
LARGEST_DENSITY, SMALLEST_DENSITY = 0.98, 0.005


class ChannelGatedUnit(SelfGatedUnit):
    """Convolution and batch norm that finish only some of their outputs.

    Args:
        unit: the plain unit; its convolution and batch norm are used on.
        groups: p, the base path reads every p-th input channel.
    """

    base: Tensor

    def __init__(self, unit: ConvUnit, groups: int):
        super().__init__(unit.conv, unit.norm, unit.activation)
        outputs, inputs = unit.conv.out_channels, unit.conv.in_channels
        self.partial_norm = copy.deepcopy(unit.norm)
        self.gate_norm = nn.BatchNorm2d(outputs, affine=False)
        self.threshold = nn.Parameter(torch.full((outputs,), threshold_for(LARGEST_DENSITY)))
        same = (torch.arange(outputs) * groups // outputs)[:, None] == torch.arange(inputs) % groups
        self.register_buffer("base", same[:, :, None, None].to(unit.conv.weight.dtype), persistent=False)

    def gate_parameters(self) -> list[nn.Parameter]:
        return [self.threshold]

    @property
    def base_share(self) -> float:
        """Share of the convolution's MACs that the partial sums take."""
        return self.base.mean(dtype=torch.float64).item()

    def gated(self, x: Tensor) -> tuple[Tensor, UnitDecision]:
        conv = self.conv
        partial = F.conv2d(x, conv.weight * self.base, conv.bias, conv.stride, conv.padding, conv.dilation)
        margin = self.gate_norm(partial) - self.threshold[:, None, None]
        finished = straight_through((SHARPNESS * margin).sigmoid())
        normed = self.norm(conv(x))
        y = torch.lerp(self.partial_norm(partial), normed, finished.to(normed.dtype))
        density = finished.mean((1, 2, 3), dtype=torch.float64)
        decision = UnitDecision(torch.ones_like(density), self.base_share + (1 - self.base_share) * density)
        return torch.relu(y) if self.activation else y, decision


def threshold_for(density: float) -> float:
    """The threshold that a standard normal variable exceeds with probability ``density``."""
    return -NormalDist().inv_cdf(min(max(density, SMALLEST_DENSITY), LARGEST_DENSITY))


def gated_units(network: DynamicNetwork) -> list[ChannelGatedUnit]:
    """All units of all blocks, in the order of execution."""
    units = [unit for block in network.backbone.blocks for unit in block.units]
    return cast(list[ChannelGatedUnit], units)


class ThresholdLoss:
    """Task loss, thresholds drawn to one target, mean MACs drawn to one fraction."""

    def __init__(self, network: DynamicNetwork, point: float):
        self.point = point
        self.lowest = lowest_fraction(network)

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        target = falling_target(self.point, step.progress)
        threshold = threshold_for((target - self.lowest) / (1 - self.lowest))
        output = network(step.images)
        distance = sum((unit.threshold - threshold).square().sum() for unit in gated_units(network))
        penalty = target_penalty(network, output, target, step.progress)
        return step.task_loss(output.logits) + THRESHOLD_WEIGHT * distance + penalty


def lowest_fraction(network: DynamicNetwork) -> float:
    """The MACs fraction with nothing finished but the partial sums."""
    cost = network.backbone_cost
    saved = sum(
        macs * (1 - unit.base_share)
        for unit, macs in zip(gated_units(network), [macs for counted in cost.blocks for macs in counted.units])
    )
    return 1 - saved / cost.total


class ChannelGating(Method):
    """Both convolutions of each block gated, p = 4."""

    info = MethodInfo(
        decides="position",
        looks_at="partial sums of each convolution",
        paper="Hua et al., Channel Gating Neural Networks, NeurIPS 2019, arXiv 1805.12549",
        year=2019,
    )
    groups: ClassVar[int] = 4

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        assert point is not None
        for block in backbone.blocks:
            block.units = Modules(ChannelGatedUnit(unit, self.groups) for unit in block.units)
        network = DynamicNetwork(backbone)
        if point < lowest_fraction(network):
            raise BadInput(f"channel gating with p = {self.groups} cannot go below {lowest_fraction(network):.3f}")
        return network

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        groups = joint_groups(network, budget, GATE_LR)
        return [Stage("joint", budget.epochs, groups, ThresholdLoss(network, point))]
