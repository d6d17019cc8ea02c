"""Dynamic convolutions, DynConv (Verelst, Tuytelaars, CVPR 2020, arXiv 1912.03203): a mask of positions for each block.

Gate of a block: a 3 x 3 convolution of the block's input to one map of logits, at the resolution of the block's
output, plus a linear layer on the pooled input. The residual branch is added at positions whose logit is positive; its
last convolution computes only these, every earlier one what the next reads, which is the mask dilated by the kernel.
In training logistic noise is added, backwards the sigmoid's gradient passes; the noise is off at the end. The
MACs are pulled to a budget, and blocks are held within bounds that are released during a third of the training.

The public code computes everything and multiplies by masks where it classifies (its kernels that gather are depthwise
and for poses), leaves the gates' linear layers out of its count and chooses its epoch on the test set. What is ours:

- skipping execution gathers the positions of all images of a batch, multiplies them in one matrix product and scatters
  them, so what is counted is what runs. It copies an input up to nine times: whether that is faster, a timing tells;
- the start is a trained network, so nearly all positions are open; the budget falls to the operating point and has the
  weight that all methods here share, the bounds hold blocks near their common density
  (:func:`bench.methods.bounds.beyond_bounds`). The paper trains 350 epochs from scratch at its budget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from bench.methods import (
    Budget,
    Method,
    MethodInfo,
    Reported,
    Stage,
    TrainingBatch,
    falling_target,
    joint_groups,
    target_penalty,
)
from bench.methods.bounds import beyond_bounds
from bench.networks import (
    Backbone,
    DynamicNetwork,
    GateCost,
    ResidualBlock,
    Router,
    map_sizes,
    require_positions,
    straight_through,
)
from bench.networks.modules import Modules

_README = "thomasverelst/dynconv, classification/README.md; the epoch was chosen on the test set"


@dataclass(frozen=True)
class DynConv(Method):
    """Masks of positions.

    Attributes:
        temperature: of the sigmoid whose gradient passes.
        bounds: weight of the squared distance of blocks from their bounds.
        quiet: share of the training, at its end, without noise.
        openness: probability with which a position of a new gate is open; ours, since the start is a trained network.
        gate_lr: AdamW's peak rate; ours, the paper trains all from scratch at one rate.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="position",
        looks_at="block input",
        paper="Verelst, Tuytelaars, Dynamic Convolutions: Exploiting Spatial Sparsity for Faster Inference, CVPR 2020, "
        "arXiv 1912.03203",
        year=2020,
        reported=(
            Reported("cifar10", "resnet32", 93.58, 55.43e6, _README),
            Reported("imagenet", "resnet101", 75.71, 2.997e9, _README),
        ),
    )
    temperature: float = 1.0
    bounds: float = 10.0
    quiet: float = 0.3
    openness: float = 0.9
    gate_lr: float = 0.005

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        require_positions(backbone)
        return DynamicNetwork(backbone, PositionRouter(backbone, self))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        loss = BudgetLoss(self, point)
        return [Stage("joint", budget.epochs, joint_groups(network, budget, self.gate_lr), loss)]


class PositionGate(nn.Module):
    """Block inputs ``[N, C, H, W]`` to the logits of positions of its output, ``[N, 1, H', W']``."""

    def __init__(self, block: ResidualBlock, openness: float):
        super().__init__()
        stride = math.prod(unit.conv.stride[0] for unit in block.units)
        self.near = nn.Conv2d(block.in_channels, 1, 3, stride, padding=1)
        self.whole = nn.Linear(block.in_channels, 1, bias=False)
        nn.init.constant_(cast(Tensor, self.near.bias), math.log(openness / (1 - openness)))

    def macs(self, size: int) -> int:
        """For maps of ``size`` squared at the block's output."""
        return size * size * self.near.weight.numel() + self.whole.weight.numel()

    def forward(self, x: Tensor) -> Tensor:
        return self.near(x) + self.whole(x.mean((2, 3)))[:, :, None, None]


class PositionRouter(Router):
    """One gate per block. ``noise`` says whether it is drawn in training; it never is in evaluation mode."""

    def __init__(self, backbone: Backbone, choices: DynConv):
        super().__init__(len(backbone.blocks))
        self.temperature, self.noise = choices.temperature, True
        self.gates = Modules(PositionGate(block, choices.openness) for block in backbone.blocks)
        self.macs = tuple(gate.macs(size) for gate, size in zip(self.gates, map_sizes(backbone)))

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        return x

    def decide_positions(self, index: int, features: Tensor, state: Any) -> Tensor:
        logit = self.gates[index](features)
        if self.training and self.noise:  # the difference of two Gumbel variables is logistic
            logit = logit + torch.rand_like(logit).logit(eps=1e-6)
        return straight_through((logit / self.temperature).sigmoid())

    def cost(self) -> GateCost:
        return GateCost(0, self.macs, (0,) * self.blocks)


class BudgetLoss:
    """Task loss, pull to the operating point, and what blocks are beyond their bounds."""

    def __init__(self, choices: DynConv, point: float):
        self.choices, self.point = choices, point

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        cast(PositionRouter, network.router).noise = step.progress < 1 - self.choices.quiet
        output = network(step.images)
        pull = target_penalty(network, output, falling_target(self.point, step.progress), step.progress)
        held = self.choices.bounds * beyond_bounds(output, step.progress)
        return step.task_loss(output.logits) + pull + held
