"""What runs on a worker: jobs one after the other, each in a fresh process that owns its device."""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass

import torch
from submitit.helpers import DelayedSubmission

from bench.data import DataSet
from bench.errors import BadInput
from bench.methods import load_method
from bench.runs.attempt import State, attempt, record_failure
from bench.runs.context import Context
from bench.runs.engines.loop import run_all
from bench.runs.phases import Phase, is_settled
from bench.runs.plan.jobs import Job
from bench.runs.settings import Settings
from bench.system.log import log_to

LOOK_S = 0.5
"""Between looks whether the run was cancelled."""
FORK = multiprocessing.get_context("fork")


@dataclass
class Worker:
    """The callable that submitit sends to a process or a node.

    Imports and data are loaded once, then every job gets a fork of this process: it starts in milliseconds, uses the
    device as the first, and if it crashes or is killed, only its job has failed. This process must therefore neither
    touch CUDA nor start threads of operators.

    """

    jobs: list[Job]
    phase: Phase
    settings: Settings

    def __call__(self) -> None:
        torch.set_num_threads(1)
        data = self.settings.inputs.load_data()
        _import_for(self.jobs)
        run_all(self.jobs, lambda job: self._do(job, data))

    def checkpoint(self) -> DelayedSubmission:
        """Preempted or out of time: the same again, which continues behind the last finished epoch."""
        return DelayedSubmission(self)

    def _do(self, job: Job, data: DataSet) -> State:
        self.settings.check_cancelled()
        if is_settled(self.phase, self.settings.out / job.id):
            return State.KEPT
        process = FORK.Process(target=_in_fork, args=(job, self.phase, data, self.settings))
        process.start()
        try:
            while process.is_alive():
                process.join(LOOK_S)
                self.settings.check_cancelled()
        finally:
            process.kill()  # Without effect on one that has ended.
            process.join()
        if process.exitcode == -signal.SIGTERM:
            raise InterruptedError(f"job {job.id} was asked to stop; it continues behind its last finished epoch")
        if process.exitcode:
            record_failure(job, self.settings.out, self.settings.command, BadInput(_epitaph(process.exitcode)))
        return State.DONE if is_settled(self.phase, self.settings.out / job.id) else State.TAKEN


def _import_for(jobs: list[Job]) -> None:
    """Imports what jobs need here, once, and not in every fork: that takes seconds."""
    importlib.import_module("torch._inductor")  # which optimisers import when the first one is made
    for name in {job.method for job in jobs}:
        load_method(name)
    gc.freeze()  # no fork looks through all that, and so copies it


def _in_fork(job: Job, phase: Phase, data: DataSet, settings: Settings) -> None:
    for number in (signal.SIGTERM, signal.SIGCONT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # Slurm's warning is for the worker.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(settings.placement.threads)
    alone = phase.exclusive or settings.placement.workers == 1
    with log_to(settings.out):
        attempt(job, phase, Context.of(settings, data, alone=alone))


def _end_with_parent() -> None:
    """A worker that is killed takes its job with it, whose lock is then free for others."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _epitaph(exitcode: int) -> str:
    if exitcode > 0:
        return f"its process ended with exit code {exitcode}"
    return f"its process was ended by signal {signal.Signals(-exitcode).name}"
