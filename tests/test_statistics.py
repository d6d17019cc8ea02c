"""Statistics against numbers worked out elsewhere: in papers, by hand, by brute force."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.statistics import (
    Interval,
    accuracy_interval,
    adjust,
    area_under_roc,
    bootstrap_mean,
    cost_interval,
    difference_interval,
    hypervolume,
    mann_whitney,
    mcnemar,
    over_seeds_and_images,
    paired_bootstrap,
    pareto_front,
    spearman,
    wilson,
)


def test_wilson_matches_the_published_example():
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I: 81/263 and 0/20.
    assert wilson(81, 263) == pytest.approx((25.53, 36.62), abs=0.005)
    assert wilson(0, 20) == pytest.approx((0, 16.11), abs=0.005)


def test_wilson_needs_an_image():
    with pytest.raises(ValueError, match="at least one image"):
        wilson(0, 0)


def test_seeds_that_all_meet_the_same_images_have_students_interval():
    # Images vary in nothing: only seeds do. t(0.975, 2) = 4.3027, standard error = 1/sqrt(3).
    found = over_seeds_and_images([[1.0] * 5, [2.0] * 5, [3.0] * 5])
    assert (found.value, found.half) == pytest.approx((2, 2.4841), abs=1e-3)


def test_one_seed_of_many_images_has_the_normal_interval():
    values = np.random.default_rng(0).normal(size=(1, 10_000))
    found = over_seeds_and_images(values)
    assert found.half == pytest.approx(1.96 * values.std() / 100, rel=1e-3)


def crossed(generator, seeds, spread, images=200):
    """What two methods have on the same images: seeds of the first vary by ``spread``, images by 0.3, both mean 0."""
    shared = generator.normal(0, 0.3, images)
    a, b = (generator.normal(0, of, (seeds, 1)) + generator.normal(0, 0.3, (seeds, images)) for of in (spread, 0))
    return a + shared, b


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("seeds", "spread"), [(2, 0.05), (3, 0.0), (3, 0.05), (3, 0.2)])
def test_intervals_over_seeds_and_images_hold_the_truth_as_often_as_they_say(seeds, spread, paired):
    generator, hits = np.random.default_rng(seeds), 0
    for _ in range(400):
        a, b = crossed(generator, seeds, spread)
        found = over_seeds_and_images(a - b) if paired else over_seeds_and_images(a, -b)
        hits += abs(found.value) <= found.half
    assert hits / 400 >= 0.93, "95 %, but for the chance of 400 trials"


def test_no_bootstrap_of_three_seeds_holds_the_truth_as_often_as_it_says():
    generator, of_images, of_both = np.random.default_rng(0), 0, 0
    for trial in range(200):
        difference = np.subtract(*crossed(generator, seeds=3, spread=0.2))
        found = bootstrap_mean(difference.mean(0), seed=trial)
        of_images += found.low <= 0 <= found.high
        rows, columns = generator.integers(0, 3, (200, 3)), generator.integers(0, 200, (200, 200))
        low, high = np.quantile(difference[rows[:, :, None], columns[:, None, :]].mean((1, 2)), [0.025, 0.975])
        of_both += low <= 0 <= high
    assert of_images / 200 < 0.5
    assert of_both / 200 < 0.85


@given(hnp.arrays(bool, st.tuples(st.integers(1, 4), st.integers(1, 60))))
@example(~np.eye(3, 21, dtype=bool))  # its variances cancel out, but for rounding
def test_accuracies_and_their_intervals_stay_within_the_scale(correct):
    found = accuracy_interval(correct)
    assert 0 <= found.low <= found.value <= found.high <= 100
    assert found.value == pytest.approx(100 * correct.mean())
    turned = accuracy_interval(~correct)
    assert (turned.low, turned.high) == pytest.approx((100 - found.high, 100 - found.low))
    difference = difference_interval(correct, ~correct)
    assert -100 <= difference.low <= difference.value <= difference.high <= 100


def test_accuracy_of_one_seed_is_wilsons_and_of_equal_seeds_no_narrower():
    correct = np.arange(200) < 150
    low, high = wilson(150, 200)
    one, three = accuracy_interval([correct]), accuracy_interval([correct] * 3)
    assert (one.low, one.high) == (low, high)
    assert three.high - three.low == pytest.approx(high - low, rel=0.01)


def test_all_right_is_no_certainty():
    found = accuracy_interval(np.ones((3, 50), bool))
    assert found.high == 100 and found.low == pytest.approx(wilson(50, 50)[0])


def test_costs_and_their_intervals_stay_above_zero():
    found = cost_interval([[1.0] * 9, [9.0] * 9])  # Student's would reach down to -46
    assert 0 < found.low < 5 < found.high
    assert cost_interval(np.full((3, 4), 7.0)) == Interval(7.0, 7.0, 7.0)


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
