"""CoDiNet (Wang et al., TPAMI 2021, arXiv 2005.14439): like images take like routes through the blocks, others do not.

Gate of a block: its pooled input, a linear layer to as many channels and one to two logits, run and skip, in training
with Gumbel noise. Blocks are then mixed: the branch counts as much as the softmax says; in the test the larger logit
decides. The *routes* of an image are all its softmaxes. Each image comes in several views, and two losses compare
routes: *consistency* draws views to the centre of their image, *diversity* pushes centres of images apart, both
squared and from a margin on.

The public code lacks modules, draws noise in the test, and its command switches both losses off; the weights of the
paper's losses are not known here, and the margins are those of its successor's script (RDI-Net, ICCV 2021). Ours:

- an epoch is one pass over the images, as for all methods, of which each step sees ``views``: training costs as many
  times more, which the record says. Where a data set has no augmentation, views are equal and consistency is nothing;
- the start is a trained network, so gates start open; the MACs of the blocks that would run, not the number of blocks,
  are pulled to a target that falls to the operating point, with the weight that all methods here share;
- in the last part of the training noise is off and blocks run or do not, as they are tested: a mixture is no route;
- the branch is scaled, not the block with its ReLU, and shortcuts stay those of the backbone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import BadInput
from bench.methods import (
    Budget,
    Method,
    MethodInfo,
    Stage,
    TrainingBatch,
    falling_target,
    joint_groups,
    target_penalty,
)
from bench.networks import Backbone, DynamicNetwork, GateCost, LayerDecision, Router, straight_through
from bench.networks.modules import Modules


@dataclass(frozen=True)
class CoDiNet(Method):
    """Layer gates whose routes are alike for views of one image, and unlike for different images.

    Attributes:
        views: of each image in a step.
        consistency: weight of what views are farther than ``near`` from the centre of their image; ours.
        diversity: weight of what centres are nearer than ``apart`` to each other; ours.
        near: margin of the consistency.
        apart: margin of the diversity.
        settled: share of the training, at its end, in which blocks run as they are tested; ours.
        openness: probability with which a new gate runs its block; ours.
        gate_lr: AdamW's peak rate; ours, the paper trains all from scratch at one rate.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="layer",
        looks_at="block input, pooled",
        paper="Wang et al., CoDiNet: Path Distribution Modeling with Consistency and Diversity for Dynamic Routing, "
        "TPAMI 2021, arXiv 2005.14439",
        year=2021,
    )
    views: int = 2
    consistency: float = 1.0
    diversity: float = 1.0
    near: float = 0.25
    apart: float = 0.5
    settled: float = 0.3
    openness: float = 0.98
    gate_lr: float = 0.002

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        """As for every method.

        Raises:
            BadInput: no view of an image.
        """
        if self.views < 1:
            raise BadInput(f"views must be 1 or more, not {self.views}")
        return DynamicNetwork(backbone, RouteRouter(backbone, self.openness))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        groups = joint_groups(network, budget, self.gate_lr)
        return [Stage("joint", budget.epochs, groups, RouteLoss(self, point), views=self.views)]


class RouteGate(nn.Sequential):
    """Pooled block inputs ``[N, C]`` to logits of running and of skipping, ``[N, 2]``."""

    def __init__(self, channels: int, openness: float):
        output = nn.Linear(channels, 2)
        output.bias.data = torch.tensor([math.log(openness / (1 - openness)), 0.0])
        super().__init__(nn.Linear(channels, channels), output)
        self.macs = channels * channels + 2 * channels


class RouteRouter(Router):
    """One gate per block.

    Attributes:
        settled: whether blocks run or do not in training, too; else they are mixed, with noise.
    """

    def __init__(self, backbone: Backbone, openness: float):
        super().__init__(len(backbone.blocks))
        self.gates = Modules(RouteGate(block.in_channels, openness) for block in backbone.blocks)
        self.settled = False

    def start(self, images: Tensor) -> list[Tensor]:
        """The routes so far: ``[N, 2]`` for each block."""
        return []

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        logits, mixed = self.gates[index](features), self.training and not self.settled
        route = F.gumbel_softmax(logits) if mixed else logits.softmax(1)
        state.append(route)
        executed = straight_through(route[:, 0])
        return LayerDecision(executed, route[:, 0] if mixed else executed)

    def cost(self) -> GateCost:
        return GateCost(0, tuple(gate.macs for gate in self.gates), (0,) * self.blocks)


class RouteLoss:
    """Task loss, pull to the operating point, consistency and diversity of routes."""

    def __init__(self, choices: CoDiNet, point: float):
        self.choices, self.point = choices, point

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        choices = self.choices
        cast(RouteRouter, network.router).settled = step.progress >= 1 - choices.settled
        output = network(step.images)
        pull = target_penalty(network, output, falling_target(self.point, step.progress), step.progress)
        routes = torch.cat(output.state, 1).unflatten(0, (-1, step.views))
        compared = choices.consistency * inconsistency(routes, choices.near)
        compared = compared + choices.diversity * likeness(routes.mean(1), choices.apart)
        return step.task_loss(output.logits) + pull + compared


def inconsistency(routes: Tensor, near: float) -> Tensor:
    """Mean square of what routes ``[images, views, 2 blocks]`` are farther than ``near`` from their image's centre."""
    distances = torch.linalg.vector_norm(routes - routes.mean(1, keepdim=True), dim=2)
    return (distances - near).relu().square().mean()


def likeness(centres: Tensor, apart: float) -> Tensor:
    """Mean square, over pairs of ``centres`` ``[images, 2 blocks]``, of what they are nearer than ``apart``."""
    distances = F.pdist(centres)
    return (apart - distances).relu().square().sum() / max(1, len(distances))
