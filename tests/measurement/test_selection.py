"""Selection among networks: laws that hold for any outcomes, and a pair worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measurement.selection import (
    Answers,
    affordable_threshold,
    cascade,
    oracle,
    random_choice,
    share_at_cost,
)


@st.composite
def networks(draw, count=2):
    """Outcomes of ``count`` networks on the same images; confidences with ties."""
    images = draw(st.integers(1, 30))
    seed = draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    levels = draw(st.sampled_from([2, 5, 1000]))

    def answers():
        confidence = generator.integers(1, levels + 1, images) / (levels + 1)
        return Answers(generator.random(images) < 0.7, generator.integers(1, 1000, images).astype(float), confidence)

    return [answers() for _ in range(count)]


@given(networks(count=4))
def test_oracle_is_right_where_any_is_and_pays_the_cheapest_of_those(found):
    chosen = oracle(found)
    for image in range(len(chosen.correct)):
        right = [network.macs[image] for network in found if network.correct[image]]
        assert chosen.correct[image] == bool(right)
        assert chosen.macs[image] == min(right or [network.macs[image] for network in found])
    # One network more never takes accuracy away, and the order of the networks changes nothing.
    assert oracle(found[:3]).top1 <= chosen.top1
    assert oracle(found[::-1]).mean_macs == pytest.approx(chosen.mean_macs)


@given(networks())
def test_cascade_between_its_two_ends(found):
    first, second = found
    never, always = cascade(first, second, 0), cascade(first, second, np.inf)
    assert (never.correct == first.correct).all() and (never.macs == first.macs).all()
    assert (always.correct == second.correct).all() and (always.macs == first.macs + second.macs).all()


@given(networks(), st.floats(0, 2500))
def test_threshold_is_the_highest_that_the_budget_pays_for(found, budget):
    first, second = found
    threshold = affordable_threshold(first, second, budget)
    candidates = [*first.confidence, np.inf]
    paid = [t for t in candidates if cascade(first, second, t).mean_macs <= budget + 1e-9]
    surely = [t for t in candidates if cascade(first, second, t).mean_macs <= budget - 1e-9]
    assert threshold is None or threshold in paid
    assert not surely or threshold >= max(surely)


@given(networks(count=3), st.integers(0, 2**32 - 1))
def test_random_choice_is_the_mean_over_shuffled_choices(found, seed):
    values = np.stack([network.correct for network in found])
    images = values.shape[1]
    choice = np.random.default_rng(seed).integers(0, 3, images)
    shares = np.bincount(choice, minlength=3) / images
    # All cyclic shifts: each image meets each image's choice exactly once.
    shifted = [values[np.roll(choice, shift), np.arange(images)].mean() for shift in range(images)]
    assert random_choice(values, shares) == pytest.approx(np.mean(shifted))


def test_random_choice_refuses_shares_that_are_none():
    for shares in ([0.5, 0.6], [1.0], [1.5, -0.5]):
        with pytest.raises(ValueError, match="sum to 1"):
            random_choice([[1, 0], [1, 1]], shares)


def test_a_pair_by_hand():
    first = Answers(np.array([1, 1, 0, 0], bool), np.full(4, 40.0), np.array([0.9, 0.6, 0.5, 0.8]))
    second = Answers(np.array([1, 0, 1, 0], bool), np.full(4, 100.0), np.array([0.9, 0.9, 0.9, 0.9]))
    best = oracle([first, second])
    assert (best.top1, best.mean_macs) == (75, (3 * 40 + 100) / 4)
    # 70 MACs pay for a quarter of the images: the least confident one, which only the second gets right.
    assert affordable_threshold(first, second, 70) == 0.6
    chosen = cascade(first, second, 0.6)
    assert (chosen.top1, chosen.mean_macs) == (75, 65)
    assert affordable_threshold(first, second, 39) is None
    assert affordable_threshold(first, second, 140) == np.inf
    # A coin before either runs: 70 MACs are half of the way from 40 to 100.
    assert share_at_cost(first, second, 70) == 0.5


def test_answers_stand_in_the_order_of_the_images():
    samples = pd.DataFrame({"index": [7, 3], "correct": [True, False], "macs": [5, 6], "confidence": [0.5, 0.25]})
    found = Answers.of(samples)
    assert found.correct.tolist() == [False, True] and found.macs.tolist() == [6, 5]
    assert (found.top1, found.mean_macs) == (50, 5.5)
