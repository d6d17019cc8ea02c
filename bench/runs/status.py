"""How far the runs into a folder are: what is done, runs, waits or has failed, and why."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from bench.errors import BadInput
from bench.records import RECORD_FILE, find_records, has_whole_record
from bench.runs.failure import read_failure
from bench.runs.locks import has_lock, job_lock
from bench.runs.phases import Phase, named
from bench.runs.plan.jobs import Job
from bench.runs.plan.written import CANCELLED_FILE, Plan, read_plans

DONE, RUNNING, WAITING, FAILED, CANCELLED = STATES = ("done", "running", "waiting", "failed", "cancelled")


@dataclass(frozen=True)
class JobStatus:
    """Where one job stands; ``state`` is one of ``STATES``, ``reason`` says why where that is not plain."""

    job_id: str
    state: str
    reason: str = ""


def job_statuses(out: Path) -> list[JobStatus]:
    """Every job that has a record in ``out`` or that a run into it still plans.

    Raises:
        BadInput: no such folder, or files in it that cannot be read.
    """
    if not out.is_dir():
        raise BadInput(f"no folder {out}")
    planned = {job.id: (job, plan, folder) for folder, plan in read_plans(out).items() for job in plan.jobs}
    recorded = {folder.name for folder in find_records([out])}
    statuses = [_status(job, plan, folder, out) for job, plan, folder in planned.values()]
    return statuses + [JobStatus(job_id, DONE) for job_id in sorted(recorded - set(planned))]


def _status(job: Job, plan: Plan, folder: Path, out: Path) -> JobStatus:
    left = _first_open(plan, out / job.id)
    has_record = has_whole_record(out / job.id)
    if left is None:
        return JobStatus(job.id, DONE)
    if _is_held(job, out):
        return JobStatus(job.id, RUNNING, left.name if has_record else _last_checkpoint(out / job.id))
    if failure := read_failure(out / job.id):
        return JobStatus(job.id, FAILED, failure.reason)
    if (folder / CANCELLED_FILE).exists():
        return JobStatus(job.id, CANCELLED)
    if has_record:
        return JobStatus(job.id, WAITING, f"for its {left.name}, behind all records")
    is_free = not job.start_job or (out / job.start_job / RECORD_FILE).exists()
    return JobStatus(job.id, WAITING, "for a worker" if is_free else f"for {job.start_job}")


def _first_open(plan: Plan, folder: Path) -> Phase | None:
    """The first phase of the plan that is not done to the job of ``folder``."""
    return next((phase for phase in named(plan.phases) if not phase.is_done(folder)), None)


def _is_held(job: Job, out: Path) -> bool:
    if not has_lock(out, job.id):
        return False
    try:
        with job_lock(out, job.id):
            return False
    except Timeout:
        return True


def _last_checkpoint(folder: Path) -> str:
    times = [path.stat().st_mtime for path in folder.glob("checkpoint-*.pt")]
    return f"last checkpoint {time.time() - max(times):.0f} s ago" if times else "no checkpoint yet"
