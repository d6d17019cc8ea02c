"""Whether a record's accuracy and cost can be trusted, and whether its time can: two things.

The columns ``valid`` and ``invalid_reasons`` tell of both together; a record without times says nothing of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

VALID, INVALID, NOT_TIMED = "valid", "invalid", "not timed"
"""What a record's time is: in tables in capitals, in ``table.csv`` (column ``time_state``) as here."""


CLAIMED = "claimed elsewhere"
"""Mark of records whose outcomes were not measured here, see :mod:`bench.records.claims`."""


class Judged(Protocol):
    """What is asked of a :class:`bench.records.Record` here."""

    @property
    def valid(self) -> bool: ...
    @property
    def invalid_reasons(self) -> str: ...
    @property
    def latency_ms_p50(self) -> float | None: ...
    @property
    def throughput_ips(self) -> float | None: ...
    @property
    def details(self) -> Mapping[str, Any]: ...


def is_claimed(record: Judged) -> bool:
    """Whether its outcomes come from elsewhere: nothing in it was measured here."""
    return "claimed" in record.details


def is_quantised(record: Judged) -> bool:
    """Whether it was quantised to int8: as many MACs as in floating point are not the same work."""
    return "quantised_from" in record.details


def is_timed(record: Judged) -> bool:
    """Whether times were taken for this record, valid or not."""
    times = record.latency_ms_p50, record.throughput_ips
    return "timing" in record.details or any(time is not None for time in times)


def time_state(record: Judged) -> str:
    """``VALID``, ``INVALID`` or ``NOT_TIMED``."""
    if not is_timed(record):
        return NOT_TIMED
    return VALID if record.valid else INVALID


def time_text(state: str) -> str:
    """A time's state as tables show it: what was measured in capitals."""
    return state if state == NOT_TIMED else state.upper()


def result_reasons(record: Judged) -> list[str]:
    """Why accuracy and cost must not be trusted; empty where they may.

    A reason that timing is not known to have given counts against them.
    """
    if record.valid:
        return []
    said = [reason for reason in record.invalid_reasons.split("; ") if reason]
    of_time = time_reasons(record)
    return [reason for reason in said if reason not in of_time] or ([] if of_time else ["no reason given"])


def time_reasons(record: Judged) -> list[str]:
    """Why the times must not be trusted, as the timing itself found."""
    reasons = (record.details.get("timing") or {}).get("invalid_reasons")
    return [str(reason) for reason in reasons] if isinstance(reasons, list) else []


def is_sound(record: Judged) -> bool:
    """Whether accuracy and cost may be trusted."""
    return not result_reasons(record)
