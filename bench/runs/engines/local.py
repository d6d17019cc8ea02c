"""Jobs on worker processes of this machine, through submitit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import torch
from submitit import LocalExecutor, LocalJob

from bench.errors import BadInput
from bench.runs.engines.loop import unsettled
from bench.runs.engines.worker import Worker
from bench.runs.phases import Phase
from bench.runs.plan.jobs import Job
from bench.runs.settings import Settings, choose_device

NO_TIMEOUT_MIN = 60 * 24 * 365
POLL_S, END_S = 0.2, 5.0


def run_on_workers(jobs: list[Job], phase: Phase, settings: Settings, on_poll: Callable[[], None]) -> None:
    """Runs one phase of jobs on ``workers`` processes, each taking the next job that nobody holds.

    A worker that dies takes only its job with it, which another one takes up; when all have died, new ones start as
    long as that brings any job to its end.

    Args:
        on_poll: called several times a second.
    """
    left = unsettled(jobs, phase, settings.out)
    while left:
        _run_round(left, phase, settings, on_poll)
        before, left = left, unsettled(left, phase, settings.out)
        if len(left) == len(before):
            return


def _run_round(jobs: list[Job], phase: Phase, settings: Settings, on_poll: Callable[[], None]) -> None:
    executor = LocalExecutor(settings.folder / "submitit")
    workers: list[Any] = []
    try:
        for index in range(min(settings.placement.workers, len(jobs))):
            executor.update_parameters(timeout_min=NO_TIMEOUT_MIN, **_gpus(index, settings))
            workers.append(executor.submit(Worker(jobs, phase, settings)))
        while not all(worker.done() for worker in workers):
            time.sleep(POLL_S)
            on_poll()
    finally:
        _stop(workers)
    settings.check_cancelled()


def _stop(workers: list[LocalJob]) -> None:
    """Ends those that still run, and waits for their end."""
    for worker in workers:
        if not worker.done():
            worker.cancel()
    deadline = time.monotonic() + END_S
    while time.monotonic() < deadline and not all(worker.done() for worker in workers):
        time.sleep(POLL_S)


def _gpus(index: int, settings: Settings) -> dict:
    """Parameters of submitit that show a worker its own devices and no others."""
    count, workers = settings.placement.gpus_per_job, settings.placement.workers
    if choose_device(settings.execution.device).type != "cuda":
        return {"gpus_per_node": 0, "visible_gpus": ()}
    return {"gpus_per_node": count, "visible_gpus": pinned_gpus(visible_gpus(), count, workers)[index]}


def visible_gpus() -> list[int]:
    """Numbers of the devices that this process may use.

    Raises:
        BadInput: CUDA_VISIBLE_DEVICES holds anything but numbers.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None:
        return list(range(torch.cuda.device_count()))
    try:
        return [int(number) for number in given.split(",") if number]
    except ValueError:
        raise BadInput(f"--engine local takes numbers in CUDA_VISIBLE_DEVICES, not {given!r}") from None


def pinned_gpus(devices: list[int], per_job: int, workers: int) -> list[list[int]]:
    """``per_job`` devices for each worker; no device belongs to two.

    Raises:
        BadInput: there are too few.
    """
    if per_job * workers > len(devices):
        raise BadInput(f"{workers} workers with {per_job} GPUs each need {per_job * workers}, here are {len(devices)}")
    return [devices[index * per_job : (index + 1) * per_job] for index in range(workers)]
