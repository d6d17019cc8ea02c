"""``failure.json`` in a job's folder: why it has no record."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bench.records.unfinished import FAILURE_FILE
from bench.system.validation import of_declared_kinds


@dataclass(frozen=True)
class JobFailure:
    """``failure.json``: why a job has no record yet. It goes when the job is tried again.

    Attributes:
        kind: name of the exception.
    """

    reason: str
    kind: str
    when_utc: str
    command: str


def read_failure(folder: Path) -> JobFailure | None:
    """Why the job of this folder has no record; None where it has one, or was not tried, or nothing was written."""
    try:
        return of_declared_kinds(JobFailure(**json.loads((folder / FAILURE_FILE).read_text())))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
