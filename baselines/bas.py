"""Channel gates shaped batch by batch, BAS (Ehteshami Bejnordi, Blankevoort, Welling, ICLR 2020, arXiv 1907.06627).

Gate of a block: pooled input, linear to 16, batch norm, ReLU, linear to the inner channels. In training a channel is
kept where its logit plus logistic noise is positive, and backwards the sigmoid's gradient at temperature 2/3 passes; at
test time the noise is off. The *batch-shaping* loss holds the distribution of every gate's probability over a batch
near a Beta(0.6, 0.4): open for some images and closed for others, and sure of it. Its weight falls to zero over the
first fifth of the training; sparsity sets in behind it.

The authors published the loss alone; what a training script by others adds (``FGC-PR``) is the schedule taken here. It
computes the Beta distribution by SciPy in every step and chooses its epoch on the test set. What is ours:

- the mean MACs are pulled to the operating point where the paper has a penalty on the mean probability, which cannot
  be aimed; with its ramp, from a fifth to three fifths of the training. A threshold common to all gates follows
  what is missed (``follow=0``: it stays);
- the noise ends before the training does (DynConv, arXiv 1912.03203): what is held under noise need not hold without;
- the start is a trained network, so gates start mostly open (the paper: 500 epochs from scratch);
- a step of the table of 1,000 points stands for the distribution's density, which is infinite at 0 and 1;
- pooled features are detached: batch norm blows up differences between them, and so the gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
from scipy.special import betainc
from torch import Tensor, nn

from bench.methods import Budget, Method, MethodInfo, Stage, TrainingBatch, joint_groups, target_penalty
from bench.networks import Backbone, ChannelDecision, DynamicNetwork, GateCost, Router, straight_through
from bench.networks.blocks import require_channels
from bench.networks.modules import Modules

GRID = 1000
"""Points at which the distribution function of the prior is tabulated."""


@dataclass(frozen=True)
class BAS(Method):
    """Channel gates whose openness is distributed over images.

    Attributes:
        hidden: units of a gate's hidden layer.
        temperature: of the sigmoid whose gradient passes.
        alpha: with ``beta`` the prior of a gate's probability over images.
        beta: see ``alpha``.
        shaping: weight of the batch-shaping loss at the start.
        shaped: share of the training over which it falls to zero.
        ramped: share of the training at which the pull to the operating point has its full weight.
        quiet: share of the training, at its end, without noise; ours.
        follow: rise of the threshold per step and unit of MACs fraction above the target; ours.
        openness: probability with which a new gate is open; ours, since the start is a trained network.
        gate_lr: AdamW's peak rate; ours, the paper trains all from scratch at one rate.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="channel",
        looks_at="block input, pooled",
        paper="Ehteshami Bejnordi et al., Batch-Shaping for Learning Conditional Channel Gated Networks, ICLR 2020, "
        "arXiv 1907.06627",
        year=2020,
    )
    hidden: int = 16
    temperature: float = 2 / 3
    alpha: float = 0.6
    beta: float = 0.4
    shaping: float = 0.75
    shaped: float = 0.2
    ramped: float = 0.6
    quiet: float = 0.3
    follow: float = 1.0
    openness: float = 0.9
    gate_lr: float = 0.005

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone, BASRouter(backbone, self))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        loss = ShapingLoss(self, point)
        return [Stage("joint", budget.epochs, joint_groups(network, budget, self.gate_lr), loss)]


class BASGate(nn.Module):
    """Pooled block inputs ``[N, C]`` to the logit of keeping each inner channel, ``[N, inner]``."""

    def __init__(self, channels: int, inner: int, choices: BAS):
        super().__init__()
        self.hidden = nn.Linear(channels, choices.hidden, bias=False)
        self.norm = nn.BatchNorm1d(choices.hidden)
        self.output = nn.Linear(choices.hidden, inner)
        nn.init.constant_(self.output.bias, math.log(choices.openness / (1 - choices.openness)))

    @property
    def macs(self) -> int:
        return self.hidden.weight.numel() + self.output.weight.numel()

    def forward(self, pooled: Tensor) -> Tensor:
        return self.output(torch.relu(self.norm(self.hidden(pooled))))


class BASRouter(Router):
    """One gate per block; a training pass remembers all gates' probabilities, ``[N, inner]`` for each block.

    ``noise`` says whether it is drawn in training; it never is in evaluation mode.
    """

    threshold: Tensor

    def __init__(self, backbone: Backbone, choices: BAS):
        require_channels(backbone)
        super().__init__(len(backbone.blocks))
        self.temperature, self.noise = choices.temperature, True
        self.register_buffer("threshold", torch.zeros(()))
        self.gates = Modules(BASGate(block.in_channels, block.inner_channels, choices) for block in backbone.blocks)

    def start(self, images: Tensor) -> list[Tensor]:
        return []

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        return x.mean((2, 3)).detach()

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision:
        logit = self.gates[index](features) - self.threshold
        if self.training:
            state.append(logit.sigmoid())
            if self.noise:  # the difference of two Gumbel variables is logistic
                logit = logit + torch.rand_like(logit).logit(eps=1e-6)
        kept = straight_through((logit / self.temperature).sigmoid())
        return ChannelDecision(kept, kept)

    def cost(self) -> GateCost:
        return GateCost(0, (0,) * self.blocks, tuple(gate.macs for gate in self.gates))


class ShapingLoss:
    """Task loss; the batch-shaping loss, which fades; behind it the pull to the operating point, which rises."""

    def __init__(self, choices: BAS, point: float):
        self.choices, self.point = choices, point
        grid = [index / GRID for index in range(GRID + 1)]
        self.prior = torch.tensor(betainc(choices.alpha, choices.beta, grid).tolist())

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        choices, router = self.choices, cast(BASRouter, network.router)
        router.noise = step.progress < 1 - choices.quiet
        output = network(step.images)
        loss = step.task_loss(output.logits)
        fade = 1 - step.progress / choices.shaped
        if fade > 0:
            prior = self.prior.to(step.images.device)
            shaped = sum(shaping_loss(probability, prior) for probability in cast(list[Tensor], output.state))
            return loss + choices.shaping * fade * shaped
        ramp = min(1.0, (step.progress - choices.shaped) / (choices.ramped - choices.shaped))
        target = 1 + (self.point - 1) * ramp
        missed = network.macs_fraction(output).detach().mean().float() - target
        # Replaced, not changed: the backward pass of a compiled network may still need the old one.
        router.threshold = router.threshold + choices.follow * missed
        return loss + ramp * target_penalty(network, output, target, step.progress)


def shaping_loss(probability: Tensor, prior: Tensor) -> Tensor:
    """Cramer-von Mises distance of each gate's probabilities over a batch to the prior, summed over gates.

    Args:
        probability: ``[N, gates]``.
        prior: its distribution function at evenly spaced points from 0 to 1.
    """
    count = len(probability)
    place = probability.sort(0).values.float() * (len(prior) - 1)
    below = place.detach().long().clamp(max=len(prior) - 2)
    expected = torch.lerp(prior[below], prior[below + 1], place - below)
    empirical = torch.arange(1, count + 1, device=place.device)[:, None] / (count + 1)
    return (empirical - expected).square().sum() / count
