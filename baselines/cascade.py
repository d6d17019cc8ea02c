"""A cascade: a small static network, then the dense one for images that the small one is not sure about.

Wang, Kondratyuk, Christiansen, Kitani, Movshovitz-Attias, Eban, Wisdom of Committees, ICLR 2022 (arXiv 2012.01988).
They choose members from a pool of networks that exist, by search on held-out images; so do we where trained networks
are given (``bench run --methods cascade --members A,B``), and nothing is trained then. No official code is known.

Trained here, the pool is the dense network of the start, as it is, and copies of it pruned by L1 norm to a few rates.
The epochs are divided among the rates: the sum is what every other method gets, and the dense member costs none. Behind
training, validation images choose which members are kept, and the thresholds. The answer is that of the last network
asked; Wang et al. take the mean of all that were, which is an option.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import combinations
from typing import Any, ClassVar

from torch import Tensor

from baselines.dense import Dense
from baselines.l1 import L1
from bench.methods import (
    BACKBONE_WEIGHT_DECAY,
    AllAnswers,
    Budget,
    Choice,
    Method,
    MethodInfo,
    ParameterGroup,
    Stage,
    TrainingBatch,
    backbone_lr,
    choose_thresholds,
)
from bench.networks import Backbone, Cascade, Committee, Member


@dataclass(frozen=True)
class ConfidenceCascade(Method):
    """Networks in a row.

    Attributes:
        rates: of the pruned candidates, relative to the operating point.
        averages: whether the answer is the mean of all networks asked; None: validation says.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="which network is the last",
        looks_at="answers of the networks before",
        paper="Wang et al., Wisdom of Committees, ICLR 2022, arXiv 2012.01988",
        year=2022,
    )
    rates: tuple[float, ...] = (0.6, 0.8)
    averages: bool | None = False

    def build(self, backbone: Backbone, point: float | None) -> Cascade:  # type: ignore[override]  # shows its face
        assert point is not None
        points = [rate * point for rate in self.rates]
        members = [L1().build(copy.deepcopy(backbone), target) for target in points]
        described = [Member("l1", target, backbone.name) for target in points]
        dense = Dense().build(backbone, None).requires_grad_(False)
        return Cascade([*members, dense], [*described, Member("dense", None, backbone.name)])

    def stages(self, network: Any, point: float | None, budget: Budget) -> list[Stage]:
        """One stage for each candidate; epochs that cannot be divided go to the first."""
        candidates = len(network.members) - 1
        each, more = divmod(budget.epochs, candidates)
        epochs = [each + (number < more) for number in range(candidates)]
        return [self._stage(network, number, count, budget) for number, count in enumerate(epochs)]

    def _stage(self, network: Cascade, number: int, epochs: int, budget: Budget) -> Stage:
        parameters = list(network.members[number].parameters())
        group = ParameterGroup(parameters, backbone_lr(budget), weight_decay=BACKBONE_WEIGHT_DECAY)
        return Stage(f"member {number}", epochs, [group], partial(member_loss, number=number), warmup=0.2)

    def calibrate(self, network: Any, point: float | None, answers: Callable[[], AllAnswers]) -> dict[str, Any]:
        """Thresholds for the whole pool, so that epochs can be compared."""
        assert point is not None
        network.rule.set_thresholds(choose_thresholds(answers().scored(network.rule), point).thresholds)
        return {}

    def finish(self, network: Any, point: float | None, answers: Callable[[], AllAnswers]) -> dict[str, Any]:
        """Chooses members, thresholds and whose answer it is, and lets go of all other members."""
        assert point is not None
        known, pool = answers(), [asdict(member) for member in network.described]
        ways = (False, True) if self.averages is None else (self.averages,)
        sizes = range(2, len(pool) + 1)
        tried = [(numbers, way) for size in sizes for numbers in combinations(range(len(pool)), size) for way in ways]
        choices = {each: self._choose(known, *each, point) for each in tried}
        numbers, averages = max(choices, key=lambda each: choices[each].worth(point))
        network.keep(numbers)
        network.rule.averages.fill_(averages)
        network.rule.set_thresholds(choices[numbers, averages].thresholds)
        compared = [
            {"members": list(subset), "averages": way, "validation_top1": choice.top1, "validation_cost": choice.cost}
            for (subset, way), choice in choices.items()
        ]
        told = {"members": list(numbers), "averages": averages, "pool": pool, "compared": compared}
        return choices[numbers, averages].described() | told

    def _choose(self, answers: AllAnswers, numbers: tuple[int, ...], averages: bool, point: float) -> Choice:
        rule = Committee(len(numbers) - 1)
        rule.averages.fill_(averages)
        return choose_thresholds(answers.of(numbers).scored(rule), point)


def member_loss(network: Cascade, step: TrainingBatch, number: int) -> Tensor:
    """The task's loss of one member."""
    return step.task_loss(network.members[number](step.images).logits)
