"""ConvNet-AIG (Veit and Belongie, ECCV 2018, arXiv 1711.11503): a gate on every block, trained with Gumbel noise.

Gate: pooled block input, linear to 16, batch norm, ReLU, linear to 2 (skip, run). In training the larger of the two
logits plus Gumbel noise decides, with the gradient of the softmax at temperature 1 (straight-through). A loss holds
the execution rate of every block, over the batch, near a rate t: ``c * mean over blocks of (rate - t)^2``.

The public code keeps the noise at test time, so its accuracy is a random variable; here the larger logit decides. What
is ours:

- t is solved for the operating point, gates included, and falls from 1 during the first half of the training, since
  we start from trained weights (the paper: t constant, from scratch);
- the first block and those that change the resolution have t = 1 where the point allows it. The paper does so on
  ImageNet alone; with one t for all blocks of a ResNet-14 the digits fell to 71 %, with this they keep 95 %;
- a threshold for each block, raised while it runs more often than t, holds the rates where the loss alone lagged behind
  (0.75 of the MACs instead of 0.6 after 6 epochs on digits);
- the noise fades out over the first half of the training (DynConv, arXiv 1912.03203, ends it at 80 %): rates held
  under noise need not hold without it, and a thin backbone must learn the paths that it will be tested on;
- c = 20, the paper has 2 for 350 epochs: short budgets have to arrive, too;
- gates learn with AdamW, slowly, so that their logits do not saturate, from features that are detached, and start
  98 % open (the paper: 87 %): skipping every eighth block at random takes a trained thin network apart;
- weights do not start at 0.001: the first layer's running variance starts at 1 and would need hundreds of steps to come
  down to that scale, and from equal outputs the rate loss ranks images before the task's loss does, in all blocks by
  the same feature: half of the images then skip everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from bench.methods.interface import Budget, Method, MethodInfo, Reported, Stage, TrainingBatch, joint_groups
from bench.methods.objective import falling_target
from bench.networks.blocks import Backbone
from bench.networks.decisions import LayerDecision
from bench.networks.gates import straight_through
from bench.networks.modules import Modules
from bench.networks.network import DynamicNetwork
from bench.networks.router import GateCost, Router

HIDDEN = 16
RATE_WEIGHT = 20.0
ROUTER_LR = 0.002
INITIAL_BIAS = 4.0
INITIAL_SPREAD = 1.0
"""About the standard deviation, over images, of the logits of a new gate."""
NOISE_ENDS = 0.5
THRESHOLD_RATE = 0.3
"""Rise of a block's threshold per step and unit of execution rate above its target."""
LEAST_RATE = 0.2
"""Blocks that are not essential run at least so often, else all blocks share one rate."""


class AIGGate(nn.Module):
    """Pooled block inputs ``[N, C]`` to the logit of running minus that of skipping, ``[N]``."""

    def __init__(self, channels: int):
        super().__init__()
        self.hidden = nn.Linear(channels, HIDDEN, bias=False)
        self.norm = nn.BatchNorm1d(HIDDEN)
        self.output = nn.Linear(HIDDEN, 2)
        nn.init.normal_(self.hidden.weight, std=1 / math.sqrt(channels))
        nn.init.normal_(self.output.weight, std=INITIAL_SPREAD / math.sqrt(HIDDEN))
        self.output.bias.data = torch.tensor([0.0, INITIAL_BIAS])

    @property
    def macs(self) -> int:
        return self.hidden.weight.numel() + self.output.weight.numel()

    def forward(self, pooled: Tensor) -> Tensor:
        skip, run = self.output(torch.relu(self.norm(self.hidden(pooled)))).unbind(1)
        return run - skip


class AIGRouter(Router):
    """One gate per block, open above its threshold.

    ``noise`` scales the Gumbel noise in training; there is none in evaluation mode.
    """

    thresholds: Tensor

    def __init__(self, backbone: Backbone):
        super().__init__(len(backbone.blocks))
        self.gates = Modules(AIGGate(block.in_channels) for block in backbone.blocks)
        self.noise = 1.0
        self.register_buffer("thresholds", torch.zeros(self.blocks))

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        # Detached: batch norm blows up differences between pooled features, which are small, and so the gradient.
        return x.mean((2, 3)).detach()

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        logit = self.gates[index](features) - self.thresholds[index]
        if self.training:
            # The difference of two Gumbel variables is logistic.
            logit = logit + self.noise * torch.rand_like(logit).logit(eps=1e-6)
        executed = straight_through(logit.sigmoid())
        return LayerDecision(executed, executed)

    def cost(self) -> GateCost:
        return GateCost(0, tuple(gate.macs for gate in self.gates), (0,) * self.blocks)


class RateLoss:
    """Task loss, and every block's execution rate over the batch held near its own falling rate, ``[blocks]``."""

    def __init__(self, rates: Sequence[float]):
        self.rates = torch.tensor(rates)

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        router: Any = network.router
        router.noise = max(0.0, 1 - step.progress / NOISE_ENDS)
        output = network(step.images)
        targets = falling_target(self.rates.to(step.images.device), step.progress)
        misses = output.executed().mean(0) - targets
        # Replaced, not changed: the backward pass of a compiled network may still need the old ones.
        router.thresholds = router.thresholds + THRESHOLD_RATE * misses.detach()
        return step.task_loss(output.logits) + RATE_WEIGHT * misses.square().mean()


def execution_rates(network: DynamicNetwork, point: float) -> list[float]:
    """The rate at which each block must run so that the mean MACs, gates included, are ``point``.

    The first block and those that change the resolution always run, where that leaves the others ``LEAST_RATE``.
    """
    blocks = network.backbone.blocks
    essential = [index == 0 or not isinstance(block.shortcut, nn.Identity) for index, block in enumerate(blocks)]
    rate = _rate_of_the_others(network, point, essential)
    if rate < LEAST_RATE:
        essential = [False] * len(blocks)
        rate = _rate_of_the_others(network, point, essential)
    return [1.0 if always else min(1.0, max(0.0, rate)) for always in essential]


def _rate_of_the_others(network: DynamicNetwork, point: float, essential: Sequence[bool]) -> float:
    cost, gates = network.backbone_cost, network.gate_cost
    always = sum(block.branch for block, kept in zip(cost.blocks, essential) if kept)
    spent = cost.fixed + sum(gates.layer) + always
    others = cost.total - cost.fixed - always
    return (point * cost.total - spent) / others if others else 0.0


_VEIT = "Veit and Belongie 2018 (arXiv 1711.11503), table 1 (2xMAC convention, halved; shortcut B, 350 epochs)"


class ConvNetAIG(Method):
    """Independent gates with Gumbel noise, a rate for each block."""

    info = MethodInfo(
        decides="layer",
        looks_at="block input, pooled",
        paper="Veit, Belongie, Convolutional Networks with Adaptive Inference Graphs, ECCV 2018, arXiv 1711.11503",
        year=2018,
        reported=(Reported("cifar10", "resnet110", 94.24, 205e6, _VEIT),),
    )

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone, AIGRouter(backbone))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        loss = RateLoss(execution_rates(network, point))
        return [Stage("joint", budget.epochs, joint_groups(network, budget, ROUTER_LR), loss)]
