"""``--track tensorboard``: event files in ``runs/tensorboard/<job>``, for ``tensorboard --logdir runs/tensorboard``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from bench.records import Record
from bench.runs.plan.jobs import Job
from bench.runs.trackers.logged import epoch_metrics, parameters, record_metrics
from bench.runs.trackers.tracker import Tracker

FOLDER = "tensorboard"


class TensorBoard(Tracker):
    """Writes each job's epochs as curves, and its record's numbers beside what the job is."""

    def run_started(self, out: Path, jobs: Sequence[Job]) -> None:
        self._folder, self._epochs = out / FOLDER, Counter[str]()
        self._writers: dict[str, SummaryWriter] = {}

    def job_started(self, job: Job) -> None:
        self._writers[job.id] = SummaryWriter(str(self._folder / job.id))

    def epoch_ended(self, job: Job, row: Mapping[str, Any]) -> None:
        self._epochs[job.id] += 1
        for name, value in epoch_metrics(row).items():
            self._writers[job.id].add_scalar(name, value, self._epochs[job.id])

    def job_ended(self, job: Job, record: Record | None) -> None:
        if record is not None:
            known = {name: value for name, value in parameters(job).items() if value is not None}
            self._writers[job.id].add_hparams(known, record_metrics(record), run_name=".")
        self._writers.pop(job.id).close()

    def run_ended(self) -> None:
        for writer in self._writers.values():  # of jobs that were interrupted
            writer.close()
