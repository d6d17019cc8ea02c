"""The knob of one trained network: its thresholds, set on validation images for another budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.data import DataSet
from bench.errors import BadInput
from bench.execution import to_inference
from bench.measurement.clock import Measurement, measure
from bench.measurement.evaluation import collect_answers, evaluate
from bench.methods.calibration import AllAnswers, choose_thresholds
from bench.networks.cascade import Cascade
from bench.networks.network import DynamicNetwork
from bench.networks.stopping import StopRule
from bench.zoo.curve import thresholds_of

REACH = 16.0
"""Of shifts that are tried: scores of all our gates lie nearer together."""
HALVINGS = 12
TIMED_IMAGES = 64
TIMING_S = 2.0


@dataclass(frozen=True)
class Budget:
    """What one image may cost in the mean.

    Attributes:
        unit: ``macs``, a fraction of the dense backbone's, or ``ms``, the mean time of one image alone.
    """

    value: float
    unit: str


@dataclass(frozen=True)
class Knob:
    """A network whose thresholds can be moved, and the images to move them by.

    Attributes:
        dense_macs: of the dense backbone, which fractions refer to.
        executor: what runs the network.
    """

    network: DynamicNetwork | Cascade
    data: DataSet
    dense_macs: float
    executor: str = "auto"

    def set_to(self, budget: Budget) -> dict[str, Any]:
        """Moves the thresholds in place; what they were set to, for a record.

        Raises:
            BadInput: the network has no thresholds, or the budget is out of their reach.
        """
        told = {"budget": budget.value, "unit": budget.unit}
        if self.network.rule is not None:
            return told | self._set_answers(budget, self.network.rule)
        if not thresholds_of(self.network):
            raise BadInput("the network does not decide by thresholds: there is nothing to tune")
        return told | self._shift(budget)

    def _set_answers(self, budget: Budget, rule: StopRule) -> dict[str, Any]:
        answers = collect_answers(self.network, self.data, self.data.validation, self.dense_macs)
        if budget.unit == "ms":
            times = torch.tensor(self._answer_times(rule), dtype=torch.float64)
            answers = AllAnswers(answers.given, answers.labels, times[:, None].expand_as(answers.cost))
        low, high = float(answers.cost[0].mean()), float(answers.cost[-1].mean())
        if not low <= budget.value <= high:
            raise BadInput(_out_of_reach(budget, low, high))
        choice = choose_thresholds(answers.scored(rule), budget.value)
        rule.set_thresholds(choice.thresholds)
        return choice.described()

    def _answer_times(self, rule: StopRule) -> list[float]:
        """Mean milliseconds of one image that stops at each answer."""
        kept = rule.thresholds.clone()
        forms: dict[str, Any] = {}
        for number in range(len(kept) + 1):
            rule.thresholds.fill_(torch.inf)
            rule.thresholds[number:] = -torch.inf
            forms[f"answer {number}"] = to_inference(self.network, self.executor).predict
        rule.thresholds.copy_(kept)
        timed = measure(forms, self._timed_images(), TIMING_S, max_seconds=8 * TIMING_S)
        return [_mean(timed, name) for name in forms]

    def _timed_images(self) -> Sequence[Tensor]:
        device = next(self.network.parameters()).device
        images = self.data.validation.first(TIMED_IMAGES).images
        return self.data.normalise(images.to(device)).split(1)

    def _shift(self, budget: Budget) -> dict[str, Any]:
        """Moves all thresholds together until the cost is the budget: the higher they are, the less is computed."""
        cost = self._cost_in(budget.unit)
        low, high = -REACH, REACH
        most, least = cost(low)[0], cost(high)[0]
        if not least <= budget.value <= most:
            raise BadInput(_out_of_reach(budget, least, most))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if cost(middle)[0] <= budget.value else (middle, high)
        for tensor in thresholds_of(self.network):
            tensor.add_(high)
        value, top1 = cost(0.0)
        return {"threshold_shift": high, "validation_cost": value, "validation_top1": top1}

    def _cost_in(self, unit: str) -> Callable[[float], tuple[float, float | None]]:
        """From a shift of all thresholds to the cost, and the accuracy where it is known."""

        def macs(shift: float) -> tuple[float, float]:
            samples = evaluate(self._shifted(shift), self.data, self.data.validation).samples
            return float(samples["macs"].mean()) / self.dense_macs, 100 * float(samples["correct"].mean())

        def milliseconds(shift: float) -> tuple[float, None]:
            predict = self._shifted(shift).predict
            return _mean(measure({"network": predict}, self._timed_images(), TIMING_S / 2), "network"), None

        return macs if unit == "macs" else milliseconds

    def _shifted(self, shift: float) -> Any:
        thresholds = thresholds_of(self.network)
        kept = [tensor.clone() for tensor in thresholds]
        for tensor in thresholds:
            tensor.add_(shift)
        try:
            return to_inference(self.network, self.executor)
        finally:
            for tensor, value in zip(thresholds, kept):
                tensor.copy_(value)


def _mean(timed: Measurement, name: str) -> float:
    """Over images, of each one's median over rounds."""
    return float(np.median(timed.milliseconds[name], 0).mean())


def _out_of_reach(budget: Budget, low: float, high: float) -> str:
    unit = "of the dense MACs" if budget.unit == "macs" else "ms"
    return f"a budget of {budget.value:g} is out of reach: thresholds give from {low:.3g} to {high:.3g} {unit}"
