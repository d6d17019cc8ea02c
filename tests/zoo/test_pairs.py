"""Pairs of networks, image by image: laws of oracles, cascades and chance, for any outcomes."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.measurement.selection import Answers
from bench.zoo.headroom.pairs import (
    all_cascades,
    curve_of,
    gains_of,
    oracle_of_all,
    pair_cascade,
    pair_oracle,
    pairs_of,
)

IMAGES = 40
SEEDS = st.integers(0, 10**6)


def answers(generator, cost, top1) -> Answers:
    """Of a network whose images cost about ``cost``."""
    correct = generator.random(IMAGES) < top1
    confidence = generator.choice(np.linspace(0.3, 1, 9), IMAGES)  # with ties
    return Answers(correct, cost * generator.uniform(0.8, 1.2, IMAGES), confidence)


def member(name, cost, top1, seed=0, draw=0, varies=False):
    generator = np.random.default_rng([draw, seed, int(100 * cost)])
    validation, test = (answers(generator, cost, top1) for _ in range(2))
    return SimpleNamespace(
        name=name, record=SimpleNamespace(seed=seed), test=test, on_validation=validation, varies=varies
    )


def members(draw, seed=0):
    """Four networks, the dearer the better."""
    kinds = ((0.2, 0.5, False), (0.5, 0.6, True), (0.8, 0.7, False), (1.0, 0.9, False))
    return [member(f"at {cost}", cost, top1, seed, draw, varies) for cost, top1, varies in kinds]


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_an_oracle_is_either_network_and_what_only_the_other_knows(draw):
    cheap, dear = members(draw)[0], members(draw)[3]
    found = pair_oracle(cheap, dear)
    assert found.top1 == pytest.approx(cheap.test.top1 + found.only_dear)
    assert found.top1 == pytest.approx(dear.test.top1 + found.only_cheap)
    assert found.macs <= dear.test.mean_macs and found.top1 >= max(cheap.test.top1, dear.test.top1)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_more_networks_never_make_an_oracle_worse(draw):
    found = members(draw)
    (all_four,), (three,) = oracle_of_all(found), oracle_of_all(found[:3])
    assert (all_four.cheap, three.cheap) == ("all 4", "all 3")
    assert all_four.top1 >= three.top1 >= max(pair_oracle(a, b).top1 for a, b in pairs_of(found[:3]))
    assert oracle_of_all(found[:2]) == []


def test_pairs_are_of_one_seed_and_the_cheaper_comes_first_whatever_the_order():
    found = [*members(1, seed=0), *members(1, seed=1)]
    pairs = pairs_of(reversed(found))
    assert len(pairs) == 2 * 6
    assert all(a.record.seed == b.record.seed and a.test.mean_macs < b.test.mean_macs for a, b in pairs)
    assert {one.seed for one in oracle_of_all(found)} == {0, 1}
    alike = member("twin", 0.2, 0.5)
    assert pairs_of([alike, alike]) == []


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(0.1, 2.5))
def test_a_cascade_keeps_its_budget_on_validation_images_and_chance_lies_between_its_networks(draw, budget):
    cheap, dear = members(draw)[0], members(draw)[3]
    found = pair_cascade(cheap, dear, budget)
    if found is None:
        assert cheap.on_validation.mean_macs > budget
        return
    threshold = np.inf if found.threshold is None else found.threshold
    asked = cheap.on_validation.confidence < threshold
    assert cheap.on_validation.mean_macs + (asked * dear.on_validation.macs).mean() <= budget
    asked = cheap.test.confidence < threshold
    assert found.share == pytest.approx(100 * asked.mean())
    assert found.macs == pytest.approx(cheap.test.mean_macs + (asked * dear.test.macs).mean())
    low, high = sorted((cheap.test.top1, dear.test.top1))
    assert low - 1e-9 <= found.random_top1 <= high + 1e-9 and low - 1e-9 <= found.coin_top1 <= high + 1e-9


def test_where_everything_is_affordable_the_dear_network_answers():
    cheap, dear = members(3)[0], members(3)[3]
    found = pair_cascade(cheap, dear, 100)
    assert (found.threshold, found.share) == (None, 100)
    assert found.top1 == pytest.approx(dear.test.top1) == found.random_top1
    assert pair_cascade(cheap, dear, 0.01) is None


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_one_cascade_of_each_seed_and_budget_is_chosen_and_by_validation_images(draw, random):
    pairs = pairs_of([*members(draw, seed=0), *members(draw, seed=1)])
    random.shuffle(pairs)
    found = all_cascades(pairs, (0.4, 0.9, 1.5))
    for seed in (0, 1):
        for budget in (0.4, 0.9, 1.5):
            same = [one for one in found if (one.seed, one.budget) == (seed, budget)]
            (chosen,) = (one for one in same if one.chosen)
            assert chosen.validation_top1 == max(one.validation_top1 for one in same)


def test_gains_are_over_the_best_that_the_budget_pays_for():
    found = members(5)
    row = next(one for one in all_cascades(pairs_of(found), [0.6]) if one.chosen)
    gains = {one.role: one for one in gains_of(row, [*found, *members(5, seed=1)])}
    assert gains["dynamic"].over == "at 0.5" and gains["static"].over == "at 0.2"
    assert gains["dear"].over == row.dear
    for one in gains.values():
        assert one.value == pytest.approx(row.top1 - one.over_top1)
        assert one.low <= one.value <= one.high and 0 <= one.p_value <= 1


def test_a_curve_goes_from_the_cheap_network_to_both():
    cheap, dear = members(7)[0], members(7)[3]
    found = curve_of(cheap, dear)
    assert found[0].macs == pytest.approx(cheap.test.mean_macs)
    assert found[-1].macs == pytest.approx(cheap.test.mean_macs + dear.test.mean_macs)
    costs = [one.macs for one in found]
    assert costs == sorted(costs)
