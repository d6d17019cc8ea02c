"""Jobs on a Slurm cluster, through submitit: one array for each phase, and for each level of the job graph."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError

from bench.errors import BadInput
from bench.runs.engines.loop import unsettled
from bench.runs.engines.worker import Worker
from bench.runs.phases import Phase, makes_record
from bench.runs.plan.jobs import Job
from bench.runs.plan.written import Plan
from bench.runs.settings import Placement, Settings

LARGEST_ARRAY = 1000
"""Slurm's own limit, unless MaxArraySize was raised; beyond it, elements run several jobs one after the other."""
MAX_TIMEOUTS = 100
"""Requeues of one job for want of time; each continues behind the last finished epoch."""
DEFAULTS = {"job_name": "bench", "time": 240}
POLL_S = 2.0


def run_on_slurm(
    jobs: list[Job], phases: Sequence[Phase], settings: Settings, plan: Plan, on_poll: Callable[[], None]
) -> None:
    """Submits all levels and phases at once, each behind the one before, and waits for their end.

    An array has one element per job and at most as many of them at once as there are workers. Elements of exclusive
    phases have their machines to themselves. Interrupting this process leaves them running.

    Raises:
        BadInput: no Slurm here, or it refuses.
    """
    try:
        executor = SlurmExecutor(settings.folder / "submitit", max_num_timeout=MAX_TIMEOUTS)
        executor.update_parameters(**_parameters(settings.placement))
        arrays: list[str] = []
        for workers, exclusive in _levels(jobs, phases, settings):
            behind = f"afterany:{arrays[-1]}" if arrays else None
            executor.update_parameters(dependency=behind, exclusive=exclusive or None)
            arrays.append(_submit(executor, workers))
            replace(plan, slurm_jobs=tuple(arrays)).write(settings.folder)
    except (RuntimeError, ValueError, TypeError, FailedJobError, FailedSubmissionError) as error:
        raise BadInput(f"--engine slurm: {' '.join(str(error).split())[:300]}") from error
    while arrays and in_queue(arrays):
        time.sleep(POLL_S)
        on_poll()
    settings.check_cancelled()


def in_queue(arrays: Sequence[str]) -> bool:
    """Whether any element of these arrays waits or runs; yes where Slurm cannot say."""
    command = ["squeue", "--noheader", f"--jobs={','.join(arrays)}"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode:
        return "Invalid job id" not in asked.stderr
    return bool(asked.stdout.strip())


def cancel(arrays: Sequence[str]) -> None:
    """Takes all elements of these arrays from the queue and ends those that run."""
    if arrays:
        subprocess.run(["scancel", *arrays], check=False)


def _parameters(placed: Placement) -> dict:
    gpus = {"gpus_per_node": placed.gpus_per_job} if placed.gpus_per_job else {}
    # Since 22.05 srun does not inherit the number of processors.
    pinned = {"cpus_per_task": placed.threads, "srun_args": [f"--cpus-per-task={placed.threads}"]}
    return DEFAULTS | dict(placed.slurm) | gpus | pinned | {"array_parallelism": placed.workers}


def _levels(jobs: list[Job], phases: Sequence[Phase], settings: Settings) -> list[tuple[list[Worker], bool]]:
    """Per level, the workers of its array and whether each needs a machine of its own."""
    levels = []
    for phase in phases:
        left = unsettled(jobs, phase, settings.out)
        starts = {job.start_job for job in left} if makes_record(phase) else set()
        for is_start in (True, False):
            level = [job for job in left if (job.id in starts) == is_start]
            levels.append((_workers(level, phase, settings), phase.exclusive))
    return [level for level in levels if level[0]]


def _workers(jobs: list[Job], phase: Phase, settings: Settings) -> list[Worker]:
    count = min(len(jobs), LARGEST_ARRAY)
    return [Worker(jobs[index::LARGEST_ARRAY], phase, settings) for index in range(count)]


def _submit(executor: SlurmExecutor, workers: list[Worker]) -> str:
    with executor.batch():
        submitted = [executor.submit(worker) for worker in workers]
    return submitted[0].job_id.split("_")[0]
