"""The loop over jobs, the same in every process that works."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.records import has_whole_record
from bench.runs.attempt import JobResult, State
from bench.runs.failure import read_failure
from bench.runs.phases import Phase, is_settled
from bench.runs.plan.jobs import Job, distinct

LOOK_AGAIN_S = 1.0
"""Between looks at jobs that other processes hold."""


def run_all(jobs: Iterable[Job], do: Callable[[Job], State]) -> None:
    """Does every job in its turn, once; those that others hold, and those that start from them, again and again.

    Args:
        do: tries one job; ``State.TAKEN`` means that another process holds it.
    """
    left = distinct(jobs)
    while left:
        open_ids = {job.id for job in left}
        for job in left:
            if job.start_job not in open_ids and do(job) is not State.TAKEN:
                open_ids.remove(job.id)
        held = [job for job in left if job.id in open_ids]
        if len(held) == len(left):
            time.sleep(LOOK_AGAIN_S)
        left = held


def unsettled(jobs: Iterable[Job], phase: Phase, out: Path) -> list[Job]:
    """Those to which something is left to do in this phase."""
    return [job for job in jobs if not is_settled(phase, out / job.id)]


def outcome_of(job: Job, out: Path) -> JobResult:
    """What became of a job that another process ran."""
    folder = out / job.id
    if failure := read_failure(folder):
        return JobResult(job, State.FAILED, failure.reason, failure.kind == "BadInput")
    if has_whole_record(folder):
        return JobResult(job, State.DONE)
    return JobResult(job, State.FAILED, "no worker came to its end; the same command tries it again")
