"""Thresholds of networks with several answers, set on validation images to meet a budget.

The protocol is that of budgeted batch classification (Huang et al., MSDNet, ICLR 2018, arXiv 1703.09844): scores of
held-out images become thresholds, one per answer, such that the mean cost is the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from bench.networks.stopping import StopRule

HALVINGS = 40
NEAR = 0.01
"""Choices whose cost is below the budget by no more than this, relative to it, are compared by accuracy."""
ROUNDING = 1e-9


@dataclass(frozen=True)
class AllAnswers:
    """What a network says about a split when no sample stops.

    Attributes:
        given: of every classifier, ``[answers, N, classes]``.
        labels: ``[N]``.
        cost: what each sample has spent when it gives each answer, ``[answers, N]`` float64, rising with the answer; in
            the unit of the budget, which for operating points is the dense backbone's MACs.
    """

    given: Tensor
    labels: Tensor
    cost: Tensor

    @torch.no_grad()
    def scored(self, rule: StopRule) -> ScoredAnswers:
        """The same through the eyes of ``rule``."""
        given, labels = self.given.to(rule.thresholds.device), self.labels.to(rule.thresholds.device)
        parts = [list(given[: number + 1]) for number in range(len(given))]
        scores = torch.stack([rule.score(part) for part in parts[:-1]], 1)
        correct = torch.stack([rule.answer(part).argmax(1) == labels for part in parts], 1)
        return ScoredAnswers(scores.cpu().numpy(), correct.cpu().numpy(), self.cost.T.numpy())

    def of(self, numbers: Sequence[int]) -> AllAnswers:
        """Those of a cascade of some of the members alone."""
        each = torch.diff(self.cost, dim=0, prepend=torch.zeros_like(self.cost[:1]))
        return AllAnswers(self.given[list(numbers)], self.labels, each[list(numbers)].cumsum(0))


@dataclass(frozen=True)
class ScoredAnswers:
    """Outcomes of images by answer: ``scores [N, answers - 1]``, ``correct [N, answers]``, ``cost [N, answers]``."""

    scores: np.ndarray
    correct: np.ndarray
    cost: np.ndarray

    def taken(self, thresholds: np.ndarray) -> np.ndarray:
        """The answer that each image gives, ``[N]``."""
        stops = np.concatenate([self.scores > thresholds, np.ones((len(self.scores), 1), bool)], 1)
        return stops.argmax(1)

    def at(self, thresholds: np.ndarray) -> tuple[float, float]:
        """Share of correct answers, and mean cost."""
        rows, taken = np.arange(len(self.scores)), self.taken(thresholds)
        return float(self.correct[rows, taken].mean()), float(self.cost[rows, taken].mean())


@dataclass(frozen=True)
class Choice:
    """Thresholds, and what they come to on the images that they were chosen on.

    Attributes:
        family: how thresholds of several answers hang together: ``common`` or ``geometric``.
        top1: percent.
    """

    thresholds: np.ndarray
    family: str
    top1: float
    cost: float

    def worth(self, budget: float) -> tuple:
        """What choices are compared by; the larger is the better. One that costs more than the budget is a miss."""
        miss = abs(self.cost / budget - 1)
        is_near = miss <= NEAR and self.cost <= budget * (1 + ROUNDING)
        return (1, self.top1, -miss) if is_near else (0, -miss, self.top1)

    def described(self) -> dict:
        """For a record. JSON has no infinity: where all images stop, or none does, the threshold says so."""
        names = {np.inf: "no image stops", -np.inf: "all images stop"}
        return {
            "thresholds": [names.get(value, value) for value in self.thresholds.tolist()],
            "family": self.family,
            "validation_top1": self.top1,
            "validation_cost": self.cost,
        }


def choose_thresholds(answers: ScoredAnswers, budget: float) -> Choice:
    """The most accurate of the thresholds whose mean cost is the budget; where none is, those that come nearest to it.

    Two families are searched, with every run of neighbouring answers in use: one threshold for all answers, as in
    Shallow-Deep Networks, and shares of images that fall or rise geometrically from answer to answer, as in MSDNet.
    Within a family cost rises with its one number, which is solved for the highest cost within the budget.
    """
    choices = [_solve(answers, family, name, budget) for name, family in _families(answers.scores)]
    return max(choices, key=lambda choice: choice.worth(budget))


Family = Callable[[float], np.ndarray]
"""From a number between 0 (all samples stop) and 1 (none does) to thresholds ``[answers - 1]``."""


def _families(scores: np.ndarray) -> Iterator[tuple[str, Family]]:
    stops = scores.shape[1]
    for first in range(stops):
        for last in range(first, stops):
            used = range(first, last + 1)
            yield "common", partial(_common, scores, used)
            if len(used) > 1:
                yield "geometric", partial(_geometric, scores, used)


def _solve(answers: ScoredAnswers, family: Family, name: str, budget: float) -> Choice:
    low, high = 0.0, 1.0
    for value in (high, low):  # an end of the family may be as near as it comes
        thresholds = family(value)
        top1, cost = answers.at(thresholds)
        if (value == high and cost <= budget) or (value == low and cost >= budget):
            return Choice(thresholds, name, 100 * top1, cost)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if answers.at(family(middle))[1] <= budget else (low, middle)
    thresholds = family(low)
    top1, cost = answers.at(thresholds)
    return Choice(thresholds, name, 100 * top1, cost)


def _common(scores: np.ndarray, used: Sequence[int], value: float) -> np.ndarray:
    """One threshold for all answers in use: the quantile ``value`` of all their scores."""
    thresholds = np.full(scores.shape[1], np.inf)
    thresholds[list(used)] = _above(np.sort(scores[:, list(used)], None), value)
    return thresholds


def _geometric(scores: np.ndarray, used: Sequence[int], value: float) -> np.ndarray:
    """Shares proportional to ``q^k``, q from 0 to infinity; each answer takes the most confident of those left."""
    thresholds = np.full(scores.shape[1], np.inf)
    logs = np.arange(len(used) + 1) * np.clip(np.log(max(value, 1e-9) / max(1 - value, 1e-9)), -20, 20)
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    left, inside = len(scores), np.ones(len(scores), bool)
    for answer, share in zip(used, shares):
        wanted = min(1.0, share * len(scores) / max(left, 1))
        thresholds[answer] = _above(np.sort(scores[inside, answer]), 1 - wanted)
        inside &= ~(scores[:, answer] > thresholds[answer])
        left = int(inside.sum())
    return thresholds


def _above(ordered: np.ndarray, share: float) -> float:
    """A threshold with ``share`` of the sorted scores below it: half-way between two of them."""
    count = int(np.ceil(share * len(ordered)))
    if count <= 0 or not len(ordered):
        return -np.inf
    if count >= len(ordered):
        return np.inf
    return float((ordered[count - 1] + ordered[count]) / 2)
