"""``--track wandb``: a run of Weights & Biases for each job; ``WANDB_MODE=offline`` keeps it on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb

from bench.records import Record
from bench.runs.plan.jobs import Job
from bench.runs.trackers.logged import epoch_metrics, parameters, record_metrics
from bench.runs.trackers.tracker import Tracker

PROJECT = "dynamic-inference-bench"


class WandB(Tracker):
    """Logs each job's epochs and record, in the project ``WANDB_PROJECT`` or the one of our name."""

    def run_started(self, out: Path, jobs: Sequence[Job]) -> None:
        self._out = out
        self._open: dict[str, Any] = {}

    def job_started(self, job: Job) -> None:
        self._open[job.id] = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=job.id,
            config=parameters(job),
            dir=str(self._out),
            reinit="create_new",
        )

    def epoch_ended(self, job: Job, row: Mapping[str, Any]) -> None:
        self._open[job.id].log(epoch_metrics(row))

    def job_ended(self, job: Job, record: Record | None) -> None:
        run = self._open.pop(job.id)
        if record is not None:
            run.summary.update(record_metrics(record))
        run.finish(exit_code=int(record is None))

    def run_ended(self) -> None:
        for run in self._open.values():  # of jobs that were interrupted
            run.finish(exit_code=1)
