"""Progress that trackers follow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console

from bench.records import has_whole_record, read_record
from bench.records.store import TRAINING_FILE
from bench.runs.attempt import State
from bench.runs.phases import Phase
from bench.runs.plan.jobs import Job
from bench.runs.progress import RunProgress
from bench.runs.trackers import Tracker


class TrackedProgress(RunProgress):
    """Tells how far a run is, and has a tracker follow it.

    Args:
        shows_epochs: see :class:`RunProgress`, as the arguments before it.
        out: the folder of the records.
    """

    def __init__(
        self,
        console: Console,
        jobs: Sequence[Job],
        phases: Sequence[Phase],
        shows_epochs: bool,
        out: Path,
        tracker: Tracker,
    ):
        super().__init__(console, jobs, phases, shows_epochs)
        self._tracker = tracker
        self._out, self._planned, self._last = out, jobs, phases[-1]
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    def __enter__(self) -> TrackedProgress:
        super().__enter__()
        self._tracker.run_started(self._out, self._planned)
        return self

    def __exit__(self, *reason: object) -> None:
        self._tracker.run_ended()
        super().__exit__(*reason)

    def start(self, job: Job) -> None:
        super().start(job)
        if not has_whole_record(self._out / job.id):
            self._begin(job)

    def epoch(self, row: dict) -> None:
        super().epoch(row)
        assert self._job is not None
        self._tracker.epoch_ended(self._job, row)

    def finish(self, job: Job, phase: Phase, outcome: str = "") -> None:
        super().finish(job, phase, outcome)
        if outcome == State.KEPT.value and job.id not in self._begun:
            return  # nothing happened to it in this run
        if job.id not in self._begun:
            self._begin(job)
            self._tell_epochs(job)
        if (outcome == State.FAILED.value or phase is self._last) and job.id not in self._ended:
            self._ended.add(job.id)
            folder = self._out / job.id
            self._tracker.job_ended(job, read_record(folder) if has_whole_record(folder) else None)

    def _begin(self, job: Job) -> None:
        if job.id not in self._begun:
            self._begun.add(job.id)
            self._tracker.job_started(job)

    def _tell_epochs(self, job: Job) -> None:
        """Those of a job that another process ran."""
        try:
            rows = pd.read_csv(self._out / job.id / TRAINING_FILE).to_dict("records")
        except (OSError, ValueError):  # nothing was trained, or somebody took the file away: no reason to end a run
            return
        for row in rows:
            self._tracker.epoch_ended(job, {str(name): value for name, value in row.items()})
