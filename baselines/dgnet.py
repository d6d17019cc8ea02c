"""Dynamic dual gating, DGNet (Li, Li, He, Cheng, ICCV 2021): inner channels and tiles of positions of each block.

Both gates of a block look at its pooled input. *Channels*: linear to a quarter, batch norm, ReLU, linear to the inner
channels. *Tiles*: the mean of each tile of positions, a 3 x 3 convolution to one map of logits, which is scaled up to
the positions of the block's output (nearest). What is negative is closed; in training logistic noise is added, and
backwards the sigmoid's gradient at temperature 2/3 passes. The MACs are pulled to a budget, and in each block the
shares of open channels and of open tiles are held near the budget's square root, within bounds that widen.

The public code masks and saves no time, chooses its epoch on the test set, and gives the second convolution other
inputs in test than in training: there, zeros around each open tile. What is ours:

- the first convolution computes what the second reads, open tiles and their borders, in training and test alike. These
  borders are counted, and nothing else is multiplied (as in :mod:`baselines.dynconv`);
- the budget falls from the dense network to the operating point, bounds follow it, and the pull has the weight that
  all methods here share; bounds weigh a fifth of its first weight, as in the paper. The noise ends before the training
  does (DynConv), as what is held under noise need not hold without;
- of bottlenecks the second convolution's channels are chosen, where the paper has a gate for each of two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.methods import Budget, Method, MethodInfo, Stage, TrainingBatch, falling_target, joint_groups, target_penalty
from bench.methods.bounds import beyond
from bench.networks import (
    Backbone,
    ChannelDecision,
    DynamicNetwork,
    GateCost,
    Output,
    ResidualBlock,
    Router,
    map_sizes,
    require_positions,
    straight_through,
)
from bench.networks.blocks import require_channels
from bench.networks.modules import Modules


@dataclass(frozen=True)
class DGNet(Method):
    """Inner channels and tiles.

    Attributes:
        tiles: along a side of a map, at most; the paper's ImageNet networks have 7.
        smallest: positions along a tile's side, at least; there 1.
        temperature: of the sigmoid whose gradient passes.
        bias: logit of a new gate.
        bounds: weight of the squared distance of shares from their bounds.
        widening: rate at which bounds widen over the training; the paper's 0.02 for each of 300 epochs.
        quiet: share of the training, at its end, without noise; ours.
        gate_lr: AdamW's peak rate; ours, the paper trains all with SGD at 0.1.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="channel and tile",
        looks_at="block input, pooled",
        paper="Li, Li, He, Cheng, Dynamic Dual Gating Neural Networks, ICCV 2021, pages 5330-5339",
        year=2021,
    )
    tiles: int = 8
    smallest: int = 2
    temperature: float = 2 / 3
    bias: float = 2.0
    bounds: float = 10.0
    widening: float = 6.0
    quiet: float = 0.3
    gate_lr: float = 0.005

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        require_channels(backbone)
        require_positions(backbone)
        return DynamicNetwork(backbone, DualRouter(backbone, self))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        loss = DualLoss(self, point)
        return [Stage("joint", budget.epochs, joint_groups(network, budget, self.gate_lr), loss)]


class ChannelGate(nn.Module):
    """Pooled block inputs ``[N, C]`` to the logit of each inner channel, ``[N, inner]``."""

    def __init__(self, block: ResidualBlock, bias: float):
        super().__init__()
        hidden = max(1, block.in_channels // 4)
        self.hidden = nn.Linear(block.in_channels, hidden, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.output = nn.Linear(hidden, block.inner_channels)
        nn.init.constant_(self.output.bias, bias)

    @property
    def macs(self) -> int:
        return self.hidden.weight.numel() + self.output.weight.numel()

    def forward(self, pooled: Tensor) -> Tensor:
        return self.output(torch.relu(self.norm(self.hidden(pooled))))


class TileGate(nn.Module):
    """Means of the tiles of block inputs, ``[N, C, T, T]``, to their logits ``[N, 1, T, T]``.

    Attributes:
        size: height and width of the block's output.
        tiles: how many there are along each.
    """

    def __init__(self, block: ResidualBlock, size: int, choices: DGNet):
        super().__init__()
        self.size, self.tiles = size, math.ceil(size / max(choices.smallest, size // choices.tiles))
        self.near = nn.Conv2d(block.in_channels, 1, 3, padding=1)
        nn.init.constant_(cast(Tensor, self.near.bias), choices.bias)

    @property
    def macs(self) -> int:
        return self.tiles**2 * self.near.weight.numel()

    def forward(self, means: Tensor) -> Tensor:
        return self.near(means)


class DualRouter(Router):
    """Two gates per block. ``noise`` says whether it is drawn in training; it never is in evaluation mode."""

    def __init__(self, backbone: Backbone, choices: DGNet):
        super().__init__(len(backbone.blocks))
        self.temperature, self.noise = choices.temperature, True
        self.channel_gates = Modules(ChannelGate(block, choices.bias) for block in backbone.blocks)
        sizes = map_sizes(backbone)
        self.tile_gates = Modules(TileGate(block, size, choices) for block, size in zip(backbone.blocks, sizes))

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, self.tile_gates[index].tiles)

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision:
        kept = self._open(self.channel_gates[index](features.mean((2, 3))))
        return ChannelDecision(kept, kept)

    def decide_positions(self, index: int, features: Tensor, state: Any) -> Tensor:
        gate = self.tile_gates[index]
        return F.interpolate(self._open(gate(features)), (gate.size, gate.size))

    def _open(self, logit: Tensor) -> Tensor:
        if self.training and self.noise:  # the difference of two Gumbel variables is logistic
            logit = logit + torch.rand_like(logit).logit(eps=1e-6)
        return straight_through((logit / self.temperature).sigmoid())

    def cost(self) -> GateCost:
        tiles, channels = (tuple(gate.macs for gate in gates) for gates in (self.tile_gates, self.channel_gates))
        return GateCost(0, tiles, channels)


class DualLoss:
    """Task loss, pull to the operating point, and what shares of channels and tiles are beyond their bounds."""

    def __init__(self, choices: DGNet, point: float):
        self.choices, self.point = choices, point

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        cast(DualRouter, network.router).noise = step.progress < 1 - self.choices.quiet
        output = network(step.images)
        target = falling_target(self.point, step.progress)
        pull = target_penalty(network, output, target, step.progress)
        held = math.exp(-self.choices.widening * step.progress)
        beyond_bounds = sum(beyond(shares, math.sqrt(target), held) for shares in open_shares(output))
        return step.task_loss(output.logits) + pull + self.choices.bounds * beyond_bounds


def open_shares(output: Output) -> tuple[Tensor, Tensor]:
    """Shares of channels and of positions that a batch keeps, ``[blocks]`` each."""
    channels, positions = [], []
    for decision in output.decisions:
        assert decision.channels is not None and decision.positions is not None
        channels.append(decision.channels.kept.mean())
        positions.append(decision.positions.mean())
    return torch.stack(channels), torch.stack(positions)
