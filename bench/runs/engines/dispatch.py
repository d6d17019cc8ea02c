"""Where jobs run: in this process, on worker processes of this machine, on a Slurm cluster.

Exclusive phases come when everything else has ended, one network after the other, with the machine to itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from bench.data import DataSet
from bench.errors import BadInput
from bench.runs.attempt import JobResult, State, attempt
from bench.runs.context import Context
from bench.runs.engines.loop import outcome_of, run_all, unsettled
from bench.runs.failure import FAILURE_FILE, read_failure
from bench.runs.phases import Phase, is_settled, makes_record
from bench.runs.plan.jobs import Job, distinct
from bench.runs.plan.written import Plan
from bench.runs.progress import RunProgress
from bench.runs.settings import Settings
from bench.system.distributed import calls


def run_jobs(
    jobs: list[Job], phases: Sequence[Phase], settings: Settings, data: DataSet, progress: RunProgress
) -> list[JobResult]:
    """Brings every job through every phase, with the engine that ``settings`` name.

    What failed in an earlier run is tried again.

    Args:
        data: for what runs in this process.

    Returns:
        One outcome per job, in their order; of a job that is named twice, one.

    Raises:
        BadInput: the engine cannot be used here.
        Cancelled: ``bench cancel`` was called.
    """
    jobs = distinct(jobs)
    plan = _written_plan(jobs, phases, settings)
    for job in jobs:
        (settings.out / job.id / FAILURE_FILE).unlink(missing_ok=True)
    counter = _Counter(jobs, phases, settings.out, progress)
    outcomes: dict[str, JobResult] = {}
    if settings.placement.engine == "slurm":
        _slurm().run_on_slurm(jobs, phases, settings, plan, counter)
    else:
        for phase in phases:
            outcomes |= _run_phase(jobs, phase, settings, data, counter)
    ended = [outcomes.get(job.id) or outcome_of(job, settings.out) for job in jobs]
    if not any(outcome.state is State.FAILED for outcome in ended):
        _forget(settings.folder)
    return ended


def follow(jobs: list[Job], phases: Sequence[Phase], settings: Settings, data: DataSet) -> None:
    """What the other processes of a torchrun do: the jobs that the first one calls for, together with it."""
    context, by_id = Context.of(settings, data), {job.id: job for job in jobs}
    for name in calls():
        # The same went wrong in the first process, which records it.
        with suppress(BadInput):
            phases[0].run(by_id[name], context)


def _written_plan(jobs: list[Job], phases: Sequence[Phase], settings: Settings) -> Plan:
    placed = settings.placement
    plan = Plan(placed.engine, placed.workers, settings.command, tuple(phase.name for phase in phases), jobs)
    settings.folder.mkdir(parents=True, exist_ok=True)
    plan.write(settings.folder)
    return plan


def _forget(folder: Path) -> None:
    """Removes a run's plan and logs, which tell nothing more once every job is done."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # Another run into the same place still uses the parent.
        folder.parent.rmdir()


def _slurm() -> ModuleType:
    from bench.runs.engines import slurm  # submitit takes its time, and most runs need none

    return slurm


def _run_phase(
    jobs: list[Job], phase: Phase, settings: Settings, data: DataSet, counter: _Counter
) -> dict[str, JobResult]:
    """Runs a phase in this process or on workers; outcomes of what ran here by their jobs' ids."""
    left = jobs if makes_record(phase) else unsettled(jobs, phase, settings.out)
    if settings.placement.engine == "local" and not phase.exclusive:
        from bench.runs.engines.local import run_on_workers

        run_on_workers(left, phase, settings, counter)
        return {}
    return _run_here(left, phase, settings, data, counter.progress)


def _run_here(
    jobs: list[Job], phase: Phase, settings: Settings, data: DataSet, progress: RunProgress
) -> dict[str, JobResult]:
    """Runs jobs in this process; their outcomes by their ids."""

    def on_epoch(row: dict) -> None:
        progress.epoch(row)
        settings.check_cancelled()

    def do(job: Job) -> State:
        settings.check_cancelled()
        progress.start(job)
        outcomes[job.id] = outcome = attempt(job, phase, context)
        if outcome.state is not State.TAKEN:
            progress.finish(job, phase, _word(outcome.state))
        return outcome.state

    outcomes: dict[str, JobResult] = {}
    context = Context.of(settings, data, on_epoch=on_epoch)
    run_all(jobs, do)
    return outcomes


def _word(state: State) -> str:
    """What progress says of a job that came to this; nothing where it was done now."""
    return "" if state is State.DONE else state.value


class _Counter:
    """Advances the progress by what others have done since the last call."""

    def __init__(self, jobs: list[Job], phases: Sequence[Phase], out: Path, progress: RunProgress):
        self.open = [(job, phase) for job in jobs for phase in phases]
        self.out, self.progress = out, progress
        self.is_first = True

    def __call__(self) -> None:
        for entry in [(job, phase) for job, phase in self.open if is_settled(phase, self.out / job.id)]:
            self.open.remove(entry)
            job, phase = entry
            failed = read_failure(self.out / job.id) is not None
            state = State.FAILED if failed else State.KEPT if self.is_first else State.DONE
            self.progress.finish(job, phase, _word(state))
        self.is_first = False
