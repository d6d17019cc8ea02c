"""Jobs on a Slurm cluster, through submitit: one array for each level of the job graph."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError

from bench.errors import BadInput
from bench.runs.engines.loop import is_settled
from bench.runs.engines.worker import Worker
from bench.runs.plan.jobs import Job
from bench.runs.plan.written import Plan
from bench.runs.settings import Settings

LARGEST_ARRAY = 1000
"""Slurm's own limit, unless MaxArraySize was raised; beyond it, elements run several jobs one after the other."""
MAX_TIMEOUTS = 100
"""Requeues of one job for want of time; each continues behind the last finished epoch."""
DEFAULTS = {"job_name": "bench", "time": 240}
POLL_S = 2.0


def run_on_slurm(
    jobs: list[Job], settings: Settings, plan: Plan, parameters: dict, on_poll: Callable[[], None]
) -> None:
    """Submits all levels at once, each behind the one before, and waits for their end.

    An array has one element per job and at most ``settings.workers`` of them at once. Timing is the last level: its
    elements have their machines to themselves. Interrupting this process leaves them running.

    Args:
        parameters: of submitit's SlurmExecutor: ``partition``, ``time`` (minutes), ``cpus_per_task``, ...

    Raises:
        BadInput: no Slurm here, or it refuses.
    """
    try:
        executor = SlurmExecutor(settings.folder / "submitit", max_num_timeout=MAX_TIMEOUTS)
        executor.update_parameters(**_parameters(settings, parameters))
        arrays: list[str] = []
        for workers, exclusive in _levels(jobs, settings, plan.timing):
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


def _parameters(settings: Settings, given: dict) -> dict:
    gpus = {"gpus_per_node": settings.gpus_per_job} if settings.gpus_per_job else {}
    # Since 22.05 srun does not inherit the number of processors.
    pinned = {"cpus_per_task": settings.threads, "srun_args": [f"--cpus-per-task={settings.threads}"]}
    return DEFAULTS | given | gpus | pinned | {"array_parallelism": settings.workers}


def _levels(jobs: list[Job], settings: Settings, timing: bool) -> list[tuple[list[Worker], bool]]:
    """Per level, the workers of its array and whether each needs a machine of its own."""
    open_ = [job for job in jobs if not is_settled(job, settings.out, timing=False)]
    starts = {job.start_job for job in open_}
    first = [job for job in open_ if job.id in starts]
    second = [job for job in open_ if job.id not in starts]
    levels = [(_workers(level, settings, timing=False), False) for level in (first, second)]
    if timing:
        untimed = [job for job in jobs if not is_settled(job, settings.out, timing=True)]
        levels.append((_workers(untimed, settings, timing=True), True))
    return [level for level in levels if level[0]]


def _workers(jobs: list[Job], settings: Settings, timing: bool) -> list[Worker]:
    return [Worker(jobs[index::LARGEST_ARRAY], settings, timing) for index in range(min(len(jobs), LARGEST_ARRAY))]


def _submit(executor: SlurmExecutor, workers: list[Worker]) -> str:
    with executor.batch():
        submitted = [executor.submit(worker) for worker in workers]
    return submitted[0].job_id.split("_")[0]
