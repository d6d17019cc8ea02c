"""``--track mlflow``: a run of MLflow for each job, where ``MLFLOW_TRACKING_URI`` says, by default in ``mlruns``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow

from bench.records import Record
from bench.runs.plan.jobs import Job
from bench.runs.trackers.logged import epoch_metrics, parameters, record_metrics
from bench.runs.trackers.tracker import Tracker


class MLflow(Tracker):
    """Logs each job's epochs and record."""

    def run_started(self, out: Path, jobs: Sequence[Job]) -> None:
        self._open: dict[str, str] = {}
        self._epochs = Counter[str]()

    def job_started(self, job: Job) -> None:
        with mlflow.start_run(run_name=job.id) as run:
            self._open[job.id] = run.info.run_id
            mlflow.log_params(parameters(job))

    def epoch_ended(self, job: Job, row: Mapping[str, Any]) -> None:
        self._epochs[job.id] += 1
        mlflow.log_metrics(epoch_metrics(row), step=self._epochs[job.id], run_id=self._open[job.id])

    def job_ended(self, job: Job, record: Record | None) -> None:
        run = self._open.pop(job.id)
        if record is not None:
            mlflow.log_metrics(record_metrics(record), run_id=run)
        mlflow.MlflowClient().set_terminated(run, "FAILED" if record is None else "FINISHED")

    def run_ended(self) -> None:
        for run in self._open.values():  # of jobs that were interrupted
            mlflow.MlflowClient().set_terminated(run, "KILLED")
