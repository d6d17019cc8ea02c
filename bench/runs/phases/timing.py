"""Adds times to the records of finished jobs: apart from training, so that nothing else needs to run meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.records import is_timed, read_record
from bench.runs.plan.jobs import Job

if TYPE_CHECKING:
    from bench.runs.context import Context


class Time:
    """Times the networks of a run, all that share a backbone against one and the same dense rival."""

    name = "times"
    past = "timed"
    exclusive = True

    def is_done(self, folder: Path) -> bool:
        """Whether the record has times."""
        return is_timed(read_record(folder))

    def run(self, job: Job, context: Context) -> None:
        """Times the stored network of a finished job and rewrites its record with what was found.

        Raises:
            BadInput: the job's files cannot be read, do not belong together or cannot be written.
        """
        from bench.runs.phases.times import add_times

        add_times(job, context)
