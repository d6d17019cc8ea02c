"""LC-Net with a knob: one network, trained at many thresholds, runs at whatever budget is set afterwards.

Each image of a training batch has a threshold of its own, and with it a budget of its own, as slimmable networks train
all widths together (Yu, Huang, Universally Slimmable Networks, ICCV 2019, arXiv 1903.05134). Every batch holds the
whole range evenly, both ends too: their sandwich rule within one pass. Widths mix within a batch, so batch norms see
one mixture in training and test, and need no statistics for each width. Ours, not the LC-Net paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor

from bench.errors import BadInput
from bench.methods import Budget, Stage, TrainingBatch
from bench.networks import Backbone, DynamicNetwork
from lcnet.method import LCNet
from lcnet.objective import RATE
from lcnet.router import INITIAL_THRESHOLD, LCRouter


@dataclass(frozen=True)
class LCNetTunable(LCNet):
    """LC-Net whose budget is set after the training, by ``bench tune``.

    Attributes:
        budgets: rising MACs fractions at which thresholds are held; images are trained at these and between them. The
            ends are trained least: a network that shall run at 0.3 is trained below it, too.
    """

    budgets: tuple[float, ...] = (0.2, 0.3, 0.45, 0.6, 0.8)

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        """As LC-Net's.

        Raises:
            BadInput: fewer than two budgets, budgets that do not rise, or a point outside of them.
        """
        _require_within(self.budgets, point)
        return DynamicNetwork(backbone, TunableRouter(backbone, self))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        (stage,) = super().stages(network, point, budget)
        descent = self.descent or (0.1 if budget.pretrained else 0.5)
        loss = SpreadLoss(point, self.budgets, descent, self.price, self.image_price)
        return [Stage(stage.name, stage.epochs, stage.groups, loss)]


def _require_within(budgets: tuple[float, ...], point: float | None) -> None:
    if len(budgets) < 2 or any(high <= low for low, high in pairwise(budgets)):
        raise BadInput(f"budgets must be two or more that rise, not {'+'.join(map(str, budgets))}")
    if point is not None and not budgets[0] <= point <= budgets[-1]:
        raise BadInput(f"a point of {point:g} lies outside of the budgets {budgets[0]:g} to {budgets[-1]:g}")


class TunableRouter(LCRouter):
    """As :class:`LCRouter`; knows the threshold of each budget, ``levels [budgets]``.

    While batch norms of gates learn, in training and when their statistics are taken, image ``i`` of ``N`` is at the
    ``i / (N - 1)``-th part of the way through the budgets. Images come in random order, so each meets every budget.
    """

    levels: Tensor

    def __init__(self, backbone: Backbone, choices: LCNetTunable):
        super().__init__(backbone, choices)
        self.register_buffer("levels", torch.full((len(choices.budgets),), INITIAL_THRESHOLD))

    def shares(self, images: int) -> Tensor:
        """How near each image of a batch is to each budget, ``[images, budgets]``."""
        last = len(self.levels) - 1
        return between(torch.linspace(0, last, images, device=self.levels.device), len(self.levels))

    def threshold_for(self, index: int, features: Tensor) -> Tensor:
        if not self.norms[index].training:
            return self.threshold
        return self.shares(len(features)) @ self.levels


@dataclass(frozen=True)
class SpreadLoss:
    """LC-Net's loss at budgets spread over the batch; each budget's threshold follows it.

    A threshold between two budgets lies between their thresholds, and the distance of an image from its budget moves
    both, by how near they are.
    """

    point: float
    budgets: tuple[float, ...]
    descent: float
    price: float
    image_price: float

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        router = cast(TunableRouter, network.router)
        budgets, shares = router.levels.new_tensor(self.budgets), router.shares(len(step.images))
        output = network(step.images)
        fractions = network.macs_fraction(output).float()
        targets = 1 + (shares @ budgets - 1) * min(1.0, step.progress / self.descent)
        missed = fractions - targets
        router.levels = router.levels + RATE * (shares.T @ missed.detach()) / shares.sum(0).clamp(min=1e-6)
        router.threshold = (
            between(router.levels.new_tensor(place_of(self.point, self.budgets)), len(budgets)) @ router.levels
        )
        loss = step.task_loss(output.logits) + self.price * fractions.mean()
        return loss + self.image_price * missed.var(unbiased=False) if self.image_price else loss


def between(places: Tensor, count: int) -> Tensor:
    """Weights of linear interpolation between values at the places 0, 1, ...: ``[...]`` to ``[..., count]``."""
    return (1 - (places[..., None] - torch.arange(count, device=places.device)).abs()).clamp(min=0)


def place_of(point: float, budgets: Sequence[float]) -> float:
    """Where ``point`` lies among the rising ``budgets``: the inverse of their interpolation."""
    upper = sum(budget < point for budget in budgets[1:-1]) + 1
    low, high = budgets[upper - 1], budgets[upper]
    return upper - 1 + (point - low) / (high - low)
