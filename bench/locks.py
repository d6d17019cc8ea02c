"""Who works on a job: one live process at a time, on one machine or over a shared folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from filelock import SoftFileLease

LOCKS = ".locks"
DEAD_AFTER_S = 180.0
"""An owner on another machine is dead when its heartbeat (every third of this) was not seen for so long. A network file
system may show a file's time up to a minute late. An owner on this machine is dead when its process is."""


@contextmanager
def job_lock(out: Path, job_id: str) -> Iterator[None]:
    """Holds the job for this process; the lock's file names host, process and its start.

    Should a machine sleep for longer than ``DEAD_AFTER_S`` and wake up, two may work on one job for a while. Every file
    of a job is written whole and both would write the same numbers, so that costs time and nothing else.

    Raises:
        filelock.Timeout: another live process holds it.
        OSError: the folder cannot be written.
    """
    (out / LOCKS).mkdir(parents=True, exist_ok=True)
    with _lease((out / LOCKS / job_id).resolve()).acquire(blocking=False):
        yield


@cache
def _lease(path: Path) -> SoftFileLease:
    """One for each path and process: it remembers since when another machine's heartbeat has not been seen."""
    return SoftFileLease(path, lease_duration=DEAD_AFTER_S)
