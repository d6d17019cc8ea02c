"""Static widths by a knapsack, HALP (Shen, Yin, Molchanov, Mao, Liu, Alvarez, NeurIPS 2022, arXiv 2210.06659).

What a channel matters is its first-order Taylor term: by how much the loss would change without it, by the gradient,
``|sum of activation x gradient|`` over a batch, averaged over the batches of stage *scoring*. What it costs is counted
in MACs or measured in milliseconds on this machine. Which channels stay is a knapsack: the largest sum of importance
whose cost fits, where a less important group of a block comes only behind its more important ones. Widths then differ
from block to block. Stage *tuning* trains the smaller network: the static rival of methods that are judged by time.

Written from the description: the public code's licence allows no commercial use. It prunes thirty times, forty steps
apart, with masks that may return, over 90 epochs, and looks times up in a table of one GPU. What is ours:

- one selection, behind a fifth of the epochs, and channels are really taken out, so the clock sees the smaller network;
- inner channels that a channel gate could decide about alone: the residual sum stays at full width;
- at equal MACs the two costs can be compared: the budget in milliseconds is the one whose network has the point's MACs;
- budgets of less than two epochs have none to score in: channels are ranked by the L1 norm of their filters.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor

from baselines.dense import Dense, cross_entropy
from baselines.knapsack import Knapsack, macs_at, milliseconds_at
from baselines.pruning import strongest
from bench.methods import Budget, MethodInfo, Stage, TrainingBatch, nearest_step
from bench.networks import Backbone, ChannelDecision, DynamicNetwork, count_backbone
from bench.networks.importance import filter_norms
from bench.networks.router import OpenRouter
from bench.networks.surgery import keep_inner


@dataclass(frozen=True)
class HALP(Dense):
    """Channels that matter most for what they cost.

    Attributes:
        cost: what the knapsack holds: ``macs``, or ``ms`` of one image, measured where the job runs: then records of
            two machines may differ.
        group: channels of a block that stay or go together; the paper's 32 and 64 are more than CIFAR's blocks have.
        scoring: share of the epochs, at least one, in which importance is averaged; ours.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="nothing (channels removed for all images)",
        looks_at="gradients, and MACs or times",
        paper="Shen et al., Structural Pruning via Latency-Saliency Knapsack, NeurIPS 2022, arXiv 2210.06659",
        year=2022,
    )
    has_points: ClassVar[bool] = True
    cost: Literal["macs", "ms"] = "macs"
    group: int = 4
    scoring: float = 0.2

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone, ScoringRouter(backbone))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        (tuning,) = super().stages(network, point, budget)
        scoring = max(1, round(self.scoring * budget.epochs)) if budget.epochs > 1 else 0
        selected = Selected(self, point)
        return [
            Stage("scoring", scoring, tuning.groups, scoring_loss, tuning.warmup),
            Stage("tuning", budget.epochs - scoring, tuning.groups, tuning.loss, tuning.warmup, selected),
        ]


class ScoringRouter(OpenRouter):
    """Runs everything, and adds up how much the inner channels matter; ``importance [all of them]``.

    Attributes:
        probes: in a scoring step, ones that multiply each block's inner channels: their gradient is the Taylor term.
    """

    importance: Tensor

    def __init__(self, backbone: Backbone):
        super().__init__(len(backbone.blocks))
        self.widths = [block.inner_channels for block in backbone.blocks]
        self.probes: list[Tensor] = []
        self.register_buffer("importance", torch.zeros(sum(self.widths)))

    def set_probes(self, images: Tensor) -> None:
        """Those of the step that comes; their gradients are added to ``importance`` as they come in."""
        places = torch.arange(len(self.importance), device=images.device).split(self.widths)
        self.probes = [images.new_ones(len(images), len(place), requires_grad=True) for place in places]
        for probe, place in zip(self.probes, places):
            probe.register_hook(lambda gradient, place=place: self._add(place, gradient))

    def _add(self, place: Tensor, gradient: Tensor) -> None:
        self.importance = self.importance.index_add(0, place, gradient.detach().sum(0).abs().float())

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision | None:
        return ChannelDecision(self.probes[index], self.probes[index]) if self.probes else None


def scoring_loss(network: DynamicNetwork, step: TrainingBatch) -> Tensor:
    """The task's loss alone; behind its backward pass importance is known better."""
    router: Any = network.router
    router.set_probes(step.images)
    loss = cross_entropy(network, step)
    router.probes = []
    return loss


class Selected:
    """Prunes a network to ``point``, as the beginning of a stage."""

    def __init__(self, choices: HALP, point: float):
        self.choices, self.point = choices, point

    def __call__(self, network: DynamicNetwork) -> None:
        backbone, scores = network.backbone, scores_of(network)
        widths = [widths_of(len(score), self.choices.group) for score in scores]
        worth = [score.sort(descending=True).values.cumsum(0) for score in scores]
        values = [sums[torch.tensor(each) - 1].double().numpy() for sums, each in zip(worth, widths)]
        costs = {"macs": macs_at, "ms": milliseconds_at}[self.choices.cost](network, widths)
        knapsack = Knapsack(values, costs)

        def pruned(backbone: Backbone, budget: int) -> Backbone:
            counts = [each[number] for each, number in zip(widths, knapsack.choose(budget))]
            for block, score, count in zip(backbone.blocks, scores, counts):
                keep_inner(block, block.gated_unit, strongest(score, count))
            return backbone

        def fraction(budget: int) -> float:
            return count_backbone(pruned(copy.deepcopy(backbone), budget)).total / network.backbone_cost.total

        pruned(backbone, nearest_step(fraction, knapsack.least, knapsack.most, self.point))
        network.recount()


def scores_of(network: DynamicNetwork) -> list[Tensor]:
    """How much each block's inner channels matter, ``[inner]`` each; by their filters where nothing was scored."""
    router = cast(ScoringRouter, network.router)
    if router.importance.any():
        return list(router.importance.cpu().split(router.widths))
    return [filter_norms(block.units[block.gated_unit]).cpu() for block in network.backbone.blocks]


def widths_of(channels: int, group: int) -> list[int]:
    """The widths that a block of ``channels`` may have, rising, in steps of ``group``."""
    return [*range(min(group, channels), channels, group), channels]
