"""Who works on a job: one live process at a time, on one machine or over a shared folder."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from filelock import LeaseSettingsMismatch, SoftFileLease, Timeout

from bench.errors import BadInput

LOCKS = ".locks"
DEAD_AFTER_S = 180.0
"""An owner on another machine is dead when its heartbeat (every third of this) was not seen for so long. A network file
system may show a file's time up to a minute late. An owner on this machine is dead when its process is."""
NAMELESS_S = 10.0
"""A lock that stays empty for so long has no owner: it was killed before it wrote its name, or a power cut took it."""
_nameless: dict[tuple[Path, int], float] = {}
"""Empty locks by path and inode, and when this process first saw them."""


@contextmanager
def job_lock(out: Path, job_id: str) -> Iterator[None]:
    """Holds the job for this process; the lock's file names host, process and its start.

    Should a machine sleep for longer than ``DEAD_AFTER_S`` and wake up, two may work on one job for a while. Every file
    of a job is written whole and both would write the same numbers, so that costs time and nothing else.

    Raises:
        filelock.Timeout: another live process holds it.
        OSError: the folder cannot be written.
        BadInput: the lock is not of this program's kind.
    """
    (out / LOCKS).mkdir(parents=True, exist_ok=True)
    path = (out / LOCKS / job_id).resolve()
    try:
        held = _lease(path).acquire(blocking=False)
    except Timeout:
        _give_up_nameless(path)
        raise
    except LeaseSettingsMismatch as error:
        raise BadInput(f"{path} is the lock of another version of this program, or damaged") from error
    with held:
        yield


def has_lock(out: Path, job_id: str) -> bool:
    """Whether somebody holds the job, or died holding it."""
    return (out / LOCKS / job_id).exists()


def _give_up_nameless(path: Path) -> None:
    """Marks an abandoned empty lock as damaged, which filelock clears away; an empty one it would respect for ever.

    Writing into the file that was judged, whatever has taken its place since, harms no new owner.
    """
    with suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY)
        try:
            found = os.fstat(descriptor)
            if found.st_size:
                return
            now = time.monotonic()
            if now - _nameless.setdefault((path, found.st_ino), now) > NAMELESS_S:
                os.write(descriptor, b"abandoned\n")
        finally:
            os.close(descriptor)


@cache
def _lease(path: Path) -> SoftFileLease:
    """One for each path and process: it remembers since when another machine's heartbeat has not been seen."""
    return SoftFileLease(path, lease_duration=DEAD_AFTER_S)
