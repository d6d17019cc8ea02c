"""The face of a tracker, and several trackers as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.choices import TRACKERS
from bench.errors import BadInput
from bench.records import Record
from bench.runs.plan.jobs import Job


class Tracker:
    """Follows one run, in the process that started it. Every method may be left as it is: then nothing happens.

    A package registers a class, which is made without arguments, under the entry-point group ``bench.trackers``. What
    goes wrong in a tracker ends no run: it is said once, and the run goes on without that tracker.
    """

    def run_started(self, out: Path, jobs: Sequence[Job]) -> None:
        """A run of ``jobs`` into the folder ``out`` begins; some may have their records already."""

    def job_started(self, job: Job) -> None:
        """A job begins or goes on. Several may be open at once: all are trained before the first is timed."""

    def epoch_ended(self, job: Job, row: Mapping[str, Any]) -> None:
        """An epoch ended.

        Args:
            row: of ``train.csv``: ``stage``, ``epoch``, ``loss``, ``validation_top1`` in percent, ... Of a job in
                another process the rows come together, when it is done.
        """

    def job_ended(self, job: Job, record: Record | None) -> None:
        """A job has its record, with times if any are taken; None: it failed."""

    def run_ended(self) -> None:
        """The run ended, in whatever way."""


class Trackers(Tracker):
    """Several trackers as one.

    Args:
        say: takes a line about what went wrong.
    """

    def __init__(self, trackers: Mapping[str, Tracker], say: Callable[[str], None]):
        self._trackers, self._say = dict(trackers), say

    def run_started(self, out: Path, jobs: Sequence[Job]) -> None:
        self._each(lambda tracker: tracker.run_started(out, jobs))

    def job_started(self, job: Job) -> None:
        self._each(lambda tracker: tracker.job_started(job))

    def epoch_ended(self, job: Job, row: Mapping[str, Any]) -> None:
        self._each(lambda tracker: tracker.epoch_ended(job, row))

    def job_ended(self, job: Job, record: Record | None) -> None:
        self._each(lambda tracker: tracker.job_ended(job, record))

    def run_ended(self) -> None:
        self._each(lambda tracker: tracker.run_ended())

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._trackers.items()):
            try:
                call(tracker)
            except Exception as error:  # of somebody's server, network or disk
                del self._trackers[name]
                self._say(f"bench: the run goes on without --track {name}: {error or type(error).__name__}")


def load_trackers(names: Sequence[str], say: Callable[[str], None]) -> Trackers:
    """The trackers of these names.

    Raises:
        BadInput: an unknown name, or one whose package is not installed.
    """
    trackers = {name: TRACKERS.load(name, then=lambda make: make()) for name in names}
    if wrong := [name for name, tracker in trackers.items() if not isinstance(tracker, Tracker)]:
        raise BadInput(f"tracker {wrong[0]!r} is not a bench.runs.trackers.Tracker")
    return Trackers(trackers, say)
