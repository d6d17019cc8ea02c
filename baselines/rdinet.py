"""RDI-Net (ICCV 2021): each block is skipped, run by half or run whole, by gates that know what those before said.

Half a block adds what its first convolution computes. Gate of a block: pooled input, linear, batch norm, ReLU, linear
to three scores; a half of what the gate before said and a quarter of what the one before that said are added, and two
linear layers make the scores final. In training dropout and Gumbel noise are added, backwards the softmax's gradient
passes. Stage *paths* draws outcomes evenly, so that the network learns them all; stage *routers* trains gates and
network; stage *settled* trains without noise. A contrastive loss (InfoNCE) holds the routes of two views of one image
nearer to each other than to those of other images.

The public code mixes outcomes in the test, with noise, unless gates are frozen, so that it computes all. Its loss on
MACs is not used, and in its last command the contrast has no weight. The paper is known here by this code. Ours:

- the outcome is one of three in training, too; in the test it is the one of the largest score, and nothing else runs;
- the start is a trained network, so gates start with whole blocks; the MACs are pulled to a target that falls to the
  operating point, with the weight that all methods here share; each stage has a third of the epochs;
- gates learn in the last stage, too: frozen ones, chosen under noise, could not be brought to a point without it;
- gates see the softmaxes of those before, the first ones of fewer; the contrast is with the images of the batch, not
  with a queue of 65,536, of routes as a whole. Bottleneck blocks are refused: their half is another path.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.methods import (
    BACKBONE_WEIGHT_DECAY,
    Budget,
    Method,
    MethodInfo,
    ParameterGroup,
    Stage,
    TrainingBatch,
    backbone_lr,
    falling_target,
    joint_groups,
    target_penalty,
)
from bench.networks import Backbone, DynamicNetwork, GateCost, LayerDecision, Router, require_ends
from bench.networks.modules import Modules

SKIP, HALF, WHOLE = range(3)
"""Outcomes of a block."""
RELATIONS = (0.5, 0.25)
"""What the gates one and two blocks before count."""


@dataclass(frozen=True)
class RDINet(Method):
    """Three outcomes of each block.

    Attributes:
        hidden: units between the last two linear layers of a gate.
        dropout: of its scores in training.
        contrast: weight of the contrastive loss; 0: none, and one view. Public scripts have 0 to 0.8.
        openness: score of the whole block in a new gate; ours.
        gate_lr: AdamW's peak rate; ours, the paper trains all at one rate.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="layer, or half of it",
        looks_at="block input, pooled; the gates before",
        paper="Wang et al., RDI-Net: Relational Dynamic Inference Networks, ICCV 2021",
        year=2021,
    )
    hidden: int = 256
    dropout: float = 0.4
    contrast: float = 0.1
    openness: float = 3.0
    gate_lr: float = 0.005

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        require_ends(backbone)
        return DynamicNetwork(backbone, OutcomeRouter(backbone, self))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        settled, paths = math.ceil(budget.epochs / 3), budget.epochs // 3
        backbone = list(network.backbone.parameters())
        alone = ParameterGroup(backbone, backbone_lr(budget), weight_decay=BACKBONE_WEIGHT_DECAY)
        joint, views = joint_groups(network, budget, self.gate_lr), 2 if self.contrast else 1
        return [
            Stage("paths", paths, [alone], path_loss),
            Stage("routers", budget.epochs - settled - paths, joint, RouterLoss(self, point), views=views),
            Stage("settled", settled, joint, SettledLoss(point)),
        ]


class OutcomeGate(nn.Module):
    """Pooled block inputs ``[N, C]`` to the scores of three outcomes, ``[N, 3]``."""

    def __init__(self, channels: int, choices: RDINet):
        super().__init__()
        self.seen = nn.Sequential(
            nn.Linear(channels, channels), nn.BatchNorm1d(channels), nn.ReLU(), nn.Linear(channels, 3)
        )
        self.related = nn.Linear(3, choices.hidden, bias=False)
        self.output = nn.Linear(choices.hidden, 3)
        self.dropout = nn.Dropout(choices.dropout)
        self.output.bias.data = torch.tensor([0.0, 0.0, choices.openness])
        self.macs = channels * channels + 3 * channels + 6 * choices.hidden

    def forward(self, pooled: Tensor, before: list[Tensor]) -> Tensor:
        """``before``: the routes of the blocks so far, ``[N, 3]`` each."""
        score = self.seen(pooled)
        for weight, route in zip(RELATIONS, reversed(before)):
            score = score + weight * route
        return self.output(self.related(score))


class OutcomeRouter(Router):
    """One gate per block.

    Attributes:
        noise: whether there are dropout and Gumbel noise in training.
        drawn: whether outcomes are drawn in training, whatever the gates say.
    """

    shortens = True

    def __init__(self, backbone: Backbone, choices: RDINet):
        super().__init__(len(backbone.blocks))
        self.gates = Modules(OutcomeGate(block.in_channels, choices) for block in backbone.blocks)
        self.noise, self.drawn = True, False

    def start(self, images: Tensor) -> list[Tensor]:
        """The routes: softmaxes of the blocks so far, ``[N, 3]`` each."""
        return []

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        gate = self.gates[index]
        score = gate(features, state)
        if self.training and self.noise:
            score = gate.dropout(score)
            score = score - torch.empty_like(score).exponential_().log()
        if self.training and self.drawn:
            score = torch.rand_like(score)
        state.append(score.softmax(1))
        return outcome(state[-1])

    def cost(self) -> GateCost:
        return GateCost(0, tuple(gate.macs for gate in self.gates), (0,) * self.blocks)


def outcome(route: Tensor) -> LayerDecision:
    """The likeliest of three outcomes ``[N, 3]``; as derivative, those of skip, half and whole block as they are."""
    chosen = F.one_hot(route.argmax(1), 3).to(route.dtype) + (route - route.detach())
    executed = chosen[:, HALF] + chosen[:, WHOLE]
    # Divided by 1, so that the derivative is that of a mixture: halves by their part, whole blocks by theirs.
    complete = chosen[:, WHOLE] / (executed + chosen[:, SKIP].detach())
    return LayerDecision(executed, executed, complete=complete)


def path_loss(network: DynamicNetwork, step: TrainingBatch) -> Tensor:
    """Task loss of outcomes that are drawn evenly."""
    router = cast(OutcomeRouter, network.router)
    router.drawn = True
    loss = step.task_loss(network(step.images).logits)
    router.drawn = False
    return loss


class RouterLoss:
    """Task loss under noise, pull to the operating point, and the contrast of routes."""

    def __init__(self, choices: RDINet, point: float):
        self.choices, self.point = choices, point

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        cast(OutcomeRouter, network.router).noise = True
        output = network(step.images)
        pull = target_penalty(network, output, falling_target(self.point, step.progress), step.progress)
        loss = step.task_loss(output.logits) + pull
        if step.views == 1:
            return loss
        first, second = torch.cat(output.state, 1).unflatten(0, (-1, step.views)).unbind(1)
        return loss + self.choices.contrast * contrast(first, second)


class SettledLoss:
    """Task loss of the outcomes as they are tested, and pull to the operating point."""

    def __init__(self, point: float):
        self.point = point

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        cast(OutcomeRouter, network.router).noise = False
        output = network(step.images)
        return step.task_loss(output.logits) + target_penalty(network, output, self.point, 1.0)


def contrast(first: Tensor, second: Tensor) -> Tensor:
    """How badly each route of ``first`` ``[images, 3 blocks]`` is told to belong to the same image's of ``second``."""
    alike = F.normalize(first, dim=1) @ F.normalize(second, dim=1).t()
    return F.cross_entropy(alike, torch.arange(len(alike), device=alike.device))
