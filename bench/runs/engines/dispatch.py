"""Where jobs run: in this process, on worker processes of this machine, on a Slurm cluster.

Times are taken when everything else has ended, one network after the other, with the machine to itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bench.data import DataSet
from bench.errors import BadInput
from bench.runs.attempt import Outcome, State, attempt
from bench.runs.engines.loop import is_settled, outcome_of, run_all
from bench.runs.estimate import RECORD, TIMES
from bench.runs.failure import FAILURE_FILE, read_failure
from bench.runs.phases.job import run_job
from bench.runs.phases.timing import Timer
from bench.runs.plan.jobs import Job, distinct
from bench.runs.plan.written import Plan
from bench.runs.progress import RunProgress
from bench.runs.settings import Settings
from bench.system.distributed import calls


def run_jobs(
    jobs: list[Job], settings: Settings, data: DataSet, timing: bool, parameters: dict, progress: RunProgress
) -> list[Outcome]:
    """Brings every job to its end, with the engine that ``settings`` name.

    What failed in an earlier run is tried again.

    Args:
        data: for what runs in this process.
        parameters: of Slurm.

    Returns:
        One outcome per job, in their order; of a job that is named twice, one.

    Raises:
        BadInput: the engine cannot be used here.
        Cancelled: ``bench cancel`` was called.
    """
    jobs = distinct(jobs)
    plan = Plan(settings.engine, settings.workers, settings.command, timing, jobs)
    settings.folder.mkdir(parents=True, exist_ok=True)
    plan.write(settings.folder)
    for job in jobs:
        (settings.out / job.id / FAILURE_FILE).unlink(missing_ok=True)
    outcomes: dict[str, Outcome] = {}
    if settings.engine == "inline":
        outcomes |= _run_here(jobs, settings, data, progress, None)
    else:
        _run_elsewhere(jobs, settings, plan, parameters, _Counter(jobs, settings.out, timing, progress))
    if timing and settings.engine != "slurm":
        untimed = [job for job in jobs if not is_settled(job, settings.out, timing=True)]
        outcomes |= _run_here(untimed, settings, data, progress, Timer())
    ended = [outcomes.get(job.id) or outcome_of(job, settings.out) for job in jobs]
    if not any(outcome.state is State.FAILED for outcome in ended):
        _forget(settings.folder)
    return ended


def follow(jobs: list[Job], settings: Settings, data: DataSet) -> None:
    """What the other processes of a torchrun do: the jobs that the first one calls for, together with it."""
    context, by_id = settings.context(data, alone=True), {job.id: job for job in jobs}
    for name in calls():
        # The same went wrong in the first process, which records it.
        with suppress(BadInput):
            run_job(by_id[name], context)


def _forget(folder: Path) -> None:
    """Removes a run's plan and logs, which tell nothing more once every job is done."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # Another run into the same place still uses the parent.
        folder.parent.rmdir()


def _run_elsewhere(
    jobs: list[Job], settings: Settings, plan: Plan, parameters: dict, on_poll: Callable[[], None]
) -> None:
    # Imported on demand: submitit takes its time, and most runs need none.
    if settings.engine == "local":
        from bench.runs.engines.local import run_on_workers

        run_on_workers(jobs, settings, on_poll)
    else:
        from bench.runs.engines.slurm import run_on_slurm

        run_on_slurm(jobs, settings, plan, parameters, on_poll)


def _run_here(
    jobs: list[Job], settings: Settings, data: DataSet, progress: RunProgress, timer: Timer | None
) -> dict[str, Outcome]:
    """Runs jobs in this process; their outcomes by their ids."""

    def on_epoch(row: dict) -> None:
        progress.epoch(row)
        settings.check_cancelled()

    def do(job: Job) -> State:
        settings.check_cancelled()
        progress.start(job)
        state = (outcome := attempt(job, context, timer)).state
        outcomes[job.id] = outcome
        if state is not State.TAKEN:
            progress.finish(job, TIMES if timer else RECORD, "" if state is State.DONE else state.value)
        return state

    outcomes: dict[str, Outcome] = {}
    context = settings.context(data, alone=True, on_epoch=on_epoch)
    run_all(jobs, do)
    return outcomes


class _Counter:
    """Advances the progress by what others have done since the last call."""

    def __init__(self, jobs: list[Job], out: Path, timing: bool, progress: RunProgress):
        self.open = [(job, step) for job in jobs for step in ((False, True) if timing else (False,))]
        self.out, self.progress = out, progress
        self.is_first = True

    def __call__(self) -> None:
        settled = [(job, timing) for job, timing in self.open if is_settled(job, self.out, timing)]
        for one in settled:
            self.open.remove(one)
            job, timing = one
            failed = read_failure(self.out / job.id) is not None
            state = State.FAILED if failed else State.KEPT if self.is_first else State.DONE
            self.progress.finish(job, TIMES if timing else RECORD, "" if state is State.DONE else state.value)
        self.is_first = False
