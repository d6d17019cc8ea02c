"""Selection among trained networks, image by image: by an oracle, by a cascade, by chance. Pure functions of outcomes.

What each has to pay differs: an oracle runs the one network that it names, a cascade every network that it asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network answered to ``N`` images.

    Attributes:
        correct: ``[N]`` bool.
        macs: ``[N]``, spent on each image, gates included; all networks count in one unit.
        confidence: ``[N]``, the highest probability that it gave to a class; that of the answer that counts.
    """

    correct: NDArray[np.bool_]
    macs: NDArray[np.float64]
    confidence: NDArray[np.float64]

    @classmethod
    def of(cls, samples: pd.DataFrame, unit: float = 1.0) -> Answers:
        """From ``samples.parquet``, in the order of the images' indices; MACs counted in ``unit``."""
        ordered = samples.sort_values("index")
        columns = (ordered["correct"].to_numpy(bool), ordered["macs"].to_numpy(float) / unit)
        return cls(*columns, ordered["confidence"].to_numpy(float))

    @property
    def top1(self) -> float:
        """Accuracy in percent."""
        return 100 * float(self.correct.mean())

    @property
    def mean_macs(self) -> float:
        """MACs per image."""
        return float(self.macs.mean())


def oracle(networks: Sequence[Answers]) -> Answers:
    """The cheapest network that is right about an image, else the cheapest of all: nobody who looks can do better.

    With many networks it also collects lucky guesses, so it is a bound and no forecast.
    """
    correct, macs = (np.stack([getattr(network, name) for network in networks]) for name in ("correct", "macs"))
    chosen = np.where(correct | ~correct.any(0), macs, np.inf).argmin(0)
    confidence = np.stack([network.confidence for network in networks])
    return Answers(*(values[chosen, np.arange(len(chosen))] for values in (correct, macs, confidence)))


def cascade(first: Answers, second: Answers, threshold: float) -> Answers:
    """The first network, then the second where the first one's confidence is below ``threshold``; both are paid.

    The simplest of Wang et al., "Wisdom of Committees" (ICLR 2022): the last network that was asked answers.
    """
    asked = first.confidence < threshold
    correct = np.where(asked, second.correct, first.correct)
    confidence = np.where(asked, second.confidence, first.confidence)
    return Answers(correct, first.macs + asked * second.macs, confidence)


def affordable_threshold(first: Answers, second: Answers, budget: float) -> float | None:
    """The highest threshold at which a cascade costs at most ``budget`` MACs per image on these images.

    Infinity where both networks can be run on every image; None where the first alone is too dear.
    """
    order = np.argsort(first.confidence, kind="stable")
    ranked = first.confidence[order]
    extra = np.concatenate([[0.0], np.cumsum(second.macs[order])]) / len(order)
    candidates = np.append(ranked, np.inf)
    spent = first.mean_macs + extra[np.searchsorted(ranked, candidates, side="left")]
    within = candidates[spent <= budget]
    return float(within.max()) if len(within) else None


def random_choice(values: ArrayLike, shares: ArrayLike) -> float:
    """The control of every choice: mean value where chance decides which images get which option, at equal shares.

    It is the exact expectation over all ways to shuffle the choices between the images.

    Args:
        values: ``[options, N]``, what each option would yield for each image (1 where right, MACs, ...).
        shares: ``[options]``, of the images that get each option; they sum to 1.

    Raises:
        ValueError: shares that are none.
    """
    values, shares = np.asarray(values, float), np.asarray(shares, float)
    if shares.shape != values.shape[:1] or (shares < 0).any() or not np.isclose(shares.sum(), 1):
        raise ValueError(f"{len(values)} options need as many shares that sum to 1, not {shares.tolist()}")
    return float(shares @ values.mean(1))


def share_at_cost(first: Answers, second: Answers, budget: float) -> float:
    """The share of images that chance may send to the second network *instead of* the first for ``budget`` MACs."""
    dearer = second.mean_macs - first.mean_macs
    return float(np.clip((budget - first.mean_macs) / dearer, 0, 1)) if dearer > 0 else 1.0
