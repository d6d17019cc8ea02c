"""Targets and penalties: their ends, their order, and the nearest step against all steps."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.methods.objective import DESCENT, FIRST_WEIGHT, LAST_WEIGHT, falling_target, nearest_step, target_penalty

SHARE = st.floats(0, 1)


@settings(deadline=None)
@given(SHARE, SHARE, SHARE, SHARE)
def test_a_target_falls_from_its_start_to_the_point_and_stays_there(point, start, early, late):
    early, late = sorted((early, late))
    first, second = (falling_target(point, progress, start) for progress in (early, late))
    assert abs(second - point) <= abs(first - point) + 1e-12
    assert falling_target(point, 0, start) == start
    assert falling_target(point, DESCENT, start) == falling_target(point, 1, start) == pytest.approx(point)
    assert falling_target(point, DESCENT / 2, start) == pytest.approx((point + start) / 2)


def test_several_targets_fall_each_on_its_own():
    points = torch.tensor([0.2, 0.8])
    assert falling_target(points, 0.25).tolist() == pytest.approx([0.6, 0.9])


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30), st.integers(-50, 1050))
def test_the_nearest_step_is_that_of_a_search_over_all(costs, wanted):
    costs.sort()
    found = nearest_step(costs.__getitem__, 0, len(costs) - 1, wanted)
    assert abs(costs[found] - wanted) == min(abs(cost - wanted) for cost in costs)


def test_few_steps_are_looked_at():
    asked = []
    assert nearest_step(lambda step: asked.append(step) or step, 0, 10**6, 123_456.4) == 123_456
    assert len(asked) <= 22


@pytest.mark.parametrize("progress", [0, 0.5, 1])
def test_a_penalty_is_of_the_mean_so_that_images_may_differ(progress):
    weight = FIRST_WEIGHT ** (1 - progress) * LAST_WEIGHT**progress
    for fractions, miss in (([0.2, 0.8], 0), ([0.5, 0.5], 0), ([0.6, 0.6], 0.1), ([0.0, 0.8], -0.1)):
        values = torch.tensor(fractions, dtype=torch.float64, requires_grad=True)
        network = SimpleNamespace(macs_fraction=lambda output, values=values: values)
        penalty = target_penalty(network, None, 0.5, progress)
        assert penalty.item() == pytest.approx(weight * miss**2, abs=1e-5)
        penalty.backward()
        assert values.grad.tolist() == pytest.approx([weight * miss] * 2, abs=1e-4)
