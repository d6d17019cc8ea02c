"""What of a record may be trusted: accuracy and cost by one judgement, times by another; and whether a point is met."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.records.points import misses_point, point_tolerance
from bench.records.validity import INVALID, NOT_TIMED, VALID, is_sound, is_timed, result_reasons, time_state, time_text

REASON = st.text("abc xyz:", min_size=1).map(str.strip).filter(bool)


def record(said: list[str], of_time: list[str] | None = None, valid: bool | None = None, latency: float | None = None):
    """A record with these reasons, of which the timing found some; ``of_time`` None: it was never timed."""
    return SimpleNamespace(
        valid=not said if valid is None else valid,
        invalid_reasons="; ".join(said),
        latency_ms_p50=latency,
        throughput_ips=None,
        details={} if of_time is None else {"timing": {"invalid_reasons": of_time}},
    )


@settings(max_examples=50, deadline=None)
@given(st.lists(REASON, unique=True), st.lists(REASON, unique=True))
def test_reasons_of_the_timing_say_nothing_against_accuracy_and_all_others_do(about_result, about_time):
    about_time = [reason for reason in about_time if reason not in about_result]
    judged = record(about_result + about_time, about_time)
    assert result_reasons(judged) == about_result
    assert is_sound(judged) == (not about_result)
    assert time_state(judged) == (INVALID if about_result or about_time else VALID)


def test_invalid_without_a_reason_is_no_reason_to_trust():
    assert result_reasons(record([], valid=False)) == ["no reason given"]
    assert not is_sound(record([], valid=False))
    assert is_sound(record([], ["too few rounds"], valid=False))


def test_without_times_nothing_is_said_of_them():
    assert time_state(record(["masked"])) == NOT_TIMED and not is_timed(record([]))
    assert time_state(record([], latency=3.0)) == VALID
    assert [time_text(state) for state in (VALID, INVALID, NOT_TIMED)] == ["VALID", "INVALID", "not timed"]


@pytest.mark.parametrize("timing", [{"invalid_reasons": "too few rounds"}, {}, {"invalid_reasons": None}])
def test_a_timing_of_another_form_takes_no_reason_away(timing):
    judged = record(["too few rounds"])
    judged.details["timing"] = timing
    assert result_reasons(judged) == ["too few rounds"]


@settings(deadline=None)
@given(st.floats(0.001, 1), st.floats(0, 2))
def test_a_point_is_met_within_both_tolerances(point, fraction):
    distance = abs(fraction - point)
    if distance > 0.03 or distance > 0.1 * point:
        assert misses_point(fraction, point)
    else:
        assert not misses_point(fraction, point)
    assert not misses_point(fraction, None) and not misses_point(point, point)


@settings(deadline=None)
@given(st.floats(0.001, 1), st.floats(0.001, 1))
def test_a_larger_point_is_never_held_to_more(one, other):
    low, high = sorted((one, other))
    assert point_tolerance(low) <= point_tolerance(high) <= 0.03
