"""Trains a network, or loads one, tests it and writes the record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.records import has_whole_record
from bench.runs.plan.jobs import Job

if TYPE_CHECKING:
    from bench.runs.context import Context


class TrainAndTest:
    """The first phase: makes the record."""

    name = "record"
    past = "recorded"
    exclusive = False

    def is_done(self, folder: Path) -> bool:
        """A job is done exactly when its whole record exists."""
        return has_whole_record(folder)

    def run(self, job: Job, context: Context) -> None:
        """Runs one job to its record, continuing behind the last checkpoint.

        Several processes do this together; the first one writes.

        Raises:
            BadInput: weights that do not fit, a loss that became NaN, a folder that cannot be written.
        """
        from bench.runs.phases.testing import train_and_test

        train_and_test(job, context)
