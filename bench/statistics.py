"""Intervals, paired tests and fronts. scipy does the tests; every function names the one it uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

RESAMPLES, FEW = 1000, 300
LARGEST_EXPONENT = 700.0
"""``exp`` of more is no number."""
ROUNDING = 1e-9
"""A standard error of a share that is smaller than this is what rounding left of none."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval, in the unit of what was estimated."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class McNemar:
    """How two classifiers disagree on the same images.

    Attributes:
        only_a, only_b: images that only the first, only the second gets right.
        p_value: of McNemar's exact test, two-sided.
    """

    only_a: int
    only_b: int
    p_value: float


def wilson(correct: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (Wilson, 1927) for an accuracy of ``correct`` out of ``n`` images, in percent.

    Raises:
        ValueError: ``n`` is not positive, or ``correct`` not between 0 and ``n``.
    """
    if n < 1:
        raise ValueError(f"an accuracy needs at least one image, not {n}")
    interval = stats.binomtest(correct, n).proportion_ci(level, method="wilson")
    return 100 * float(interval.low), 100 * float(interval.high)


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and images: its standard error, and half the width of its interval."""

    value: float
    error: float
    half: float


def over_seeds_and_images(*parts: ArrayLike, level: float = 0.95) -> Estimate:
    """Sum of the means of ``parts``, each ``[seeds, images]``, and how far seeds and images leave it uncertain.

    Every seed meets the same images, so seeds and images are crossed random effects. This is their mixed model, by the
    method of moments. Each effect has Student's t interval of its own, and the halves add up as their squares do
    (Howe, 1974, "Approximate confidence limits on the mean of X + Y"; Zou and Donner, 2008). It is no two-level
    bootstrap: none is right for crossed effects (McCullagh, 2000, "Resampling and exchangeable arrays"; Owen, 2007,
    "The pigeonhole bootstrap"), and resampling the three seeds that one can afford makes intervals much too narrow
    (``tests/test_statistics.py`` counts how often each holds the truth).

    Args:
        parts: one, of differences by seed, where seeds are paired; else one for each of what is added, on the same
            images. A part with a single row says nothing of seeds: the interval then is about that very network.
    """
    arrays = [np.asarray(part, float) for part in parts]
    images = arrays[0].shape[1]
    by_image: NDArray[np.float64] = sum(part.mean(0) for part in arrays)
    effects, rest = [], 0.0
    for part in (part for part in arrays if len(part) > 1):
        seeds, by_seed = len(part), part.mean(1)
        effects.append((by_seed.var(ddof=1) / seeds, seeds - 1))
        residuals = part - by_seed[:, None] - part.mean(0) + part.mean()
        rest += float((residuals**2).sum()) / ((seeds - 1) * max(images - 1, 1) * seeds * images)
    if images > 1:  # What varies by image and seed together is in the seeds' share already.
        effects.append((max(float(by_image.var(ddof=1)) / images - rest, 0.0), images - 1))
    half = sqrt(sum(variance * stats.t.ppf((1 + level) / 2, freedom) ** 2 for variance, freedom in effects))
    return Estimate(float(by_image.mean()), sqrt(sum(variance for variance, _ in effects)), half)


def accuracy_interval(correct: ArrayLike, level: float = 0.95) -> Interval:
    """Percentage of ``correct`` (``[seeds, images]``, 0 or 1), with its interval over seeds and images.

    Of one seed it is Wilson's. Of several it is Wilson's for the effective number of images (Korn and Graubard, 1998),
    which never leaves 0 to 100. See :func:`over_seeds_and_images`.
    """
    correct = np.asarray(correct, float)
    images = correct.shape[1]
    if len(correct) == 1:
        right = int(correct.sum())
        return Interval(100 * right / images, *wilson(right, images, level))
    found = over_seeds_and_images(correct, level=level)
    share, spread = found.value, found.value * (1 - found.value)
    # Where nothing varies (all are right, or what varies cancels out), there are as many images as there are.
    varies = found.error > ROUNDING
    count = min(spread / found.error**2, correct.size) if varies else images
    z = found.half / found.error if varies else float(stats.norm.ppf((1 + level) / 2))
    middle, half = share + z**2 / (2 * count), z * sqrt(spread / count + z**2 / (4 * count**2))
    low, high = (middle - half) / (1 + z**2 / count), (middle + half) / (1 + z**2 / count)
    return Interval(100 * share, 100 * min(max(low, 0.0), share), 100 * max(min(high, 1.0), share))


def cost_interval(costs: ArrayLike, level: float = 0.95) -> Interval:
    """Mean of ``costs`` (``[seeds, images]``, above 0), with its interval over seeds and images, which stays above 0.

    Of one seed it is the bootstrap over images. Of several it is on the logarithm's scale (delta method). See
    :func:`over_seeds_and_images`.
    """
    costs = np.asarray(costs, float)
    if len(costs) == 1:
        return bootstrap_mean(costs[0], level)
    found = over_seeds_and_images(costs, level=level)
    ratio = exp(min(found.half / found.value, LARGEST_EXPONENT))
    return Interval(found.value, found.value / ratio, found.value * ratio)


def difference_interval(a: ArrayLike, b: ArrayLike, paired: bool = True, level: float = 0.95) -> Interval:
    """Accuracy of ``a`` minus that of ``b`` (``[seeds, images]``, 0 or 1) in points, on the same images.

    Of one seed each it is the bootstrap over images, else over seeds and images: see :func:`over_seeds_and_images`.

    Args:
        paired: whether row i of both is of one seed, so that both began alike.
    """
    a, b = 100 * np.asarray(a, float), 100 * np.asarray(b, float)
    if len(a) == len(b) == 1:
        return paired_bootstrap(a[0], b[0], level)
    found = over_seeds_and_images(a - b, level=level) if paired else over_seeds_and_images(a, -b, level=level)
    return Interval(found.value, max(found.value - found.half, -100.0), min(found.value + found.half, 100.0))


def bootstrap_mean(values: ArrayLike, level: float = 0.95, seed: int = 0) -> Interval:
    """Mean over images with its percentile bootstrap interval (Efron, 1979); ``seed`` makes it repeatable."""
    values = np.asarray(values, float)
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= FEW:
        # Drawing how often each value occurs is the same resampling, and a hundred times faster.
        draws = np.random.default_rng(seed).multinomial(len(values), counts / len(values), size=RESAMPLES)
        low, high = np.quantile(draws @ distinct / len(values), [(1 - level) / 2, (1 + level) / 2])
    else:
        low, high = stats.bootstrap(
            (values,), np.mean, n_resamples=RESAMPLES, batch=100, confidence_level=level, method="percentile", rng=seed
        ).confidence_interval
    return Interval(float(values.mean()), float(low), float(high))


def paired_bootstrap(a: ArrayLike, b: ArrayLike, level: float = 0.95, seed: int = 0) -> Interval:
    """Mean of ``a - b``, paired by image, with its bootstrap interval."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        raise ValueError(f"pairs need equally many images, not {len(a)} and {len(b)}")
    return bootstrap_mean(a - b, level, seed)


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """McNemar's exact (binomial) test on the images where exactly one of two classifiers is right (McNemar, 1947)."""
    a, b = np.asarray(correct_a, bool), np.asarray(correct_b, bool)
    if a.shape != b.shape:
        raise ValueError(f"pairs need equally many images, not {len(a)} and {len(b)}")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    disagreements = only_a + only_b
    p_value = float(stats.binomtest(only_a, disagreements).pvalue) if disagreements else 1.0
    return McNemar(only_a, only_b, p_value)


def adjust(p_values: Sequence[float]) -> list[float]:
    """p-values of one table adjusted for their number (Benjamini and Hochberg, 1995)."""
    return [float(value) for value in stats.false_discovery_control(p_values)] if len(p_values) else []


def mann_whitney(a: ArrayLike, b: ArrayLike) -> float:
    """Two-sided p-value of the Mann-Whitney U test that two sets of timing rounds come from one distribution."""
    return float(stats.mannwhitneyu(a, b, alternative="two-sided").pvalue)


def spearman(a: ArrayLike, b: ArrayLike) -> float | None:
    """Spearman's rank correlation over images; None where one of the two is the same for every image."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        raise ValueError(f"pairs need equally many images, not {len(a)} and {len(b)}")
    return float(stats.spearmanr(a, b).statistic) if np.ptp(a) and np.ptp(b) else None


def area_under_roc(scores: ArrayLike, positive: ArrayLike) -> float | None:
    """Area under the ROC curve: how likely a positive image has a higher score than a negative one, ties half.

    It is the Mann-Whitney statistic over the number of pairs (Hanley and McNeil, 1982). None without both kinds.
    """
    scores, positive = np.asarray(scores, float), np.asarray(positive, bool)
    if scores.shape != positive.shape:
        raise ValueError(f"pairs need equally many images, not {len(scores)} and {len(positive)}")
    pairs = int(positive.sum()) * int((~positive).sum())
    return float(stats.mannwhitneyu(scores[positive], scores[~positive]).statistic / pairs) if pairs else None


def pareto_front(cost: ArrayLike, quality: ArrayLike) -> NDArray[np.bool_]:
    """True for each point that no other point dominates (no dearer, no worse, and one of them better)."""
    cost, quality = np.asarray(cost, float), np.asarray(quality, float)
    no_worse = (cost[None] <= cost[:, None]) & (quality[None] >= quality[:, None])
    better = (cost[None] < cost[:, None]) | (quality[None] > quality[:, None])
    return np.asarray(~(no_worse & better).any(1), bool)


def hypervolume(cost: ArrayLike, quality: ArrayLike, reference: tuple[float, float]) -> float:
    """Area dominated by the points up to ``reference`` (worst cost, worst quality); in cost times quality.

    The indicator of Zitzler and Thiele (1999) in two dimensions. Points beyond the reference add nothing.
    """
    worst_cost, worst_quality = reference
    order = np.argsort(np.asarray(cost, float), kind="stable")
    cost = np.minimum(np.asarray(cost, float)[order], worst_cost)
    gain = np.maximum.accumulate(np.maximum(np.asarray(quality, float)[order] - worst_quality, 0))
    widths = np.diff(np.append(cost, worst_cost))
    return float(widths @ gain)


class Front:
    """The non-dominated points of a method, joined by straight lines; NaN outside of their range."""

    def __init__(self, cost: ArrayLike, quality: ArrayLike):
        cost, quality = np.asarray(cost, float), np.asarray(quality, float)
        kept = pareto_front(cost, quality)
        order = np.argsort(cost[kept], kind="stable")
        self._cost, self._quality = cost[kept][order], quality[kept][order]

    def quality_at(self, cost: ArrayLike) -> NDArray[np.float64]:
        """The quality reached at each cost."""
        return _interpolate(cost, self._cost, self._quality)

    def cost_of(self, quality: ArrayLike) -> NDArray[np.float64]:
        """The cost at which each quality is reached."""
        return _interpolate(quality, self._quality, self._cost)


def _interpolate(at: ArrayLike, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Straight lines through the points (x, y); NaN outside of them."""
    values: NDArray[np.float64] = np.interp(np.asarray(at, float), x, y, left=np.nan, right=np.nan)
    return values
