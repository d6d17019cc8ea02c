"""Statistics against numbers worked out elsewhere: in papers, by hand, by brute force."""

import numpy as np
import pytest

from bench.statistics import (
    adjust,
    area_under_roc,
    bootstrap_mean,
    hypervolume,
    mann_whitney,
    mcnemar,
    paired_bootstrap,
    pareto_front,
    spearman,
    student,
    wilson,
)


def test_wilson_matches_the_published_example():
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I: 81/263 and 0/20.
    assert wilson(81, 263) == pytest.approx((25.53, 36.62), abs=0.005)
    assert wilson(0, 20) == pytest.approx((0, 16.11), abs=0.005)


def test_wilson_needs_an_image():
    with pytest.raises(ValueError, match="at least one image"):
        wilson(0, 0)


def test_student_interval_by_hand():
    found = student([1.0, 2.0, 3.0])  # t(0.975, 2) = 4.3027, standard error = 1/sqrt(3)
    assert (found.value, found.low, found.high) == pytest.approx((2, 2 - 2.4841, 2 + 2.4841), abs=1e-3)
    with pytest.raises(ValueError, match="at least two"):
        student([1.0])


@pytest.mark.parametrize("levels", [4, 100_000])
def test_bootstrap_covers_the_mean_as_often_as_it_says(levels):
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        found = bootstrap_mean(generator.integers(0, levels, 400), seed=trial)
        hits += found.low <= (levels - 1) / 2 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_bootstrap_is_repeatable_and_exact_for_a_constant():
    values = np.random.default_rng(1).normal(size=500)
    assert bootstrap_mean(values) == bootstrap_mean(values)
    constant = bootstrap_mean(np.full(10, 40_551_040))
    assert constant.low == constant.high == constant.value == 40_551_040


def test_pairing_makes_the_interval_narrow():
    generator = np.random.default_rng(2)
    hard = generator.normal(0, 10, 400)
    a, b = hard + 1, hard + generator.normal(0, 0.1, 400)
    found = paired_bootstrap(a, b)
    assert found.low > 0.9
    assert found.high < 1.1
    with pytest.raises(ValueError, match="equally many"):
        paired_bootstrap(a, b[1:])


def test_mcnemar_counts_only_disagreements():
    a = np.array([1] * 90 + [1] * 9 + [0] * 1 + [0] * 10, bool)
    b = np.array([1] * 90 + [0] * 9 + [1] * 1 + [0] * 10, bool)
    found = mcnemar(a, b)
    assert (found.only_a, found.only_b) == (9, 1)
    assert found.p_value == pytest.approx(2 * 11 / 2**10)  # (C(10, 0) + C(10, 1)) / 2^10, both sides
    assert mcnemar(a, a).p_value == 1


def test_mann_whitney_of_separated_rounds():
    assert mann_whitney([1, 2, 3, 4], [5, 6, 7, 8]) == pytest.approx(2 / 70)  # 2 of the C(8, 4) orders


def test_spearman_by_hand_with_ties_and_without_spread():
    assert spearman([1, 2, 3, 4], [10, 20, 40, 30]) == pytest.approx(0.8)  # 1 - 6 * (1 + 1) / (4 * 15)
    assert spearman([1, 2, 2, 3], [1, 2, 2, 3]) == pytest.approx(1)
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    with pytest.raises(ValueError, match="equally many"):
        spearman([1, 2], [1, 2, 3])


def test_area_under_the_roc_curve_against_all_pairs():
    generator = np.random.default_rng(6)
    scores, positive = generator.integers(0, 5, 80), generator.random(80) < 0.3
    above = scores[positive][:, None] - scores[~positive][None]
    assert area_under_roc(scores, positive) == pytest.approx(((above > 0) + 0.5 * (above == 0)).mean())
    assert area_under_roc([1, 2], [True, True]) is None
    with pytest.raises(ValueError, match="equally many"):
        area_under_roc([1, 2], [True])


def test_adjusted_p_values_by_hand():
    assert adjust([0.01, 0.02, 0.04]) == pytest.approx([0.03, 0.03, 0.04])
    assert adjust([]) == []


def test_pareto_front_against_brute_force():
    generator = np.random.default_rng(3)
    cost, quality = generator.integers(0, 8, 60), generator.integers(0, 8, 60)
    points = list(zip(cost, quality))
    expected = [not any((c <= x and q >= y) and (c, q) != (x, y) for c, q in points) for x, y in points]
    assert pareto_front(cost, quality).tolist() == expected


def test_hypervolume_by_hand_and_by_counting():
    assert hypervolume([0.5], [90], (1, 80)) == pytest.approx(5)
    assert hypervolume([0.5, 0.75], [90, 92], (1, 80)) == pytest.approx(0.25 * 10 + 0.25 * 12)
    # A dominated point, one beyond the worst cost and one below the worst quality add nothing.
    assert hypervolume([0.5, 0.6, 1.5, 0.1], [90, 85, 99, 70], (1, 80)) == pytest.approx(5)
    cost, quality = np.random.default_rng(4).random((2, 20))
    grid = (np.arange(1000) + 0.5) / 1000
    x, y = np.meshgrid(grid, grid)
    covered = ((x[..., None] >= cost) & (y[..., None] <= quality)).any(-1).mean()
    assert hypervolume(cost, quality, (1, 0)) == pytest.approx(covered, abs=2e-3)
