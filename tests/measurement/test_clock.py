"""Judgement of times: laws that hold for any rounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.measurement.clock import MAX_FOREIGN, MIN_ROUNDS, Measurement

ROUNDS = st.lists(st.tuples(st.floats(0.1, 100), st.floats(0.1, 100)), min_size=1, max_size=12)


def measured(rounds, foreign=0.0, seconds=5.0) -> Measurement:
    """Of rounds ``(a, b)`` in milliseconds, each of one batch."""
    a, b = np.array(rounds).T[:, :, None]
    return Measurement({"a": a, "b": b}, np.broadcast_to(np.array(foreign, float), len(a)), seconds)


@settings(max_examples=50, deadline=None)
@given(ROUNDS, st.floats(0.01, 100))
def test_a_machine_that_is_slower_for_both_changes_no_speedup(rounds, factor):
    slower = measured([(a * factor, b * factor) for a, b in rounds])
    assert slower.speedup("a", "b") == pytest.approx(measured(rounds).speedup("a", "b"))
    assert slower.percentile("a", 90) == pytest.approx(factor * measured(rounds).percentile("a", 90))


@settings(max_examples=50, deadline=None)
@given(ROUNDS)
def test_speedups_of_each_round_are_turned_round_with_the_contestants(rounds):
    found = measured(rounds)
    np.testing.assert_allclose(found.speedups("a", "b") * found.speedups("b", "a"), 1)
    assert found.speedup("a", "a") == 1


@pytest.mark.parametrize("known", range(1, MIN_ROUNDS + 1))
def test_a_round_that_is_too_short_to_tell_hides_no_foreign_load(known):
    foreign = [0.5] * known + [np.nan] * (MIN_ROUNDS - known)
    reasons = measured([(4, 2)] * MIN_ROUNDS, foreign).invalid_reasons("a", "b")
    assert reasons == ["foreign load: other programs took 50% of the processors"]


def test_an_unknown_load_is_no_load():
    assert measured([(4, 2)] * MIN_ROUNDS, np.nan).invalid_reasons("a", "b") == []
    assert measured([(4, 2)] * MIN_ROUNDS, MAX_FOREIGN).invalid_reasons("a", "b") == []


def test_one_round_in_seven_that_went_wrong_spoils_nothing():
    rounds = [(4, 2)] * (MIN_ROUNDS - 1)
    assert measured([*rounds, (400, 2)]).invalid_reasons("a", "b") == []
    assert measured([*rounds, (400, 2)]).speedup("a", "b") == 2
    assert len(measured([*rounds[:3], *[(4, 4)] * 4]).invalid_reasons("a", "b")) == 1
