"""How long what is left of a run will take, by what its parts have taken so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bench.runs.plan.jobs import Job

Clock = Callable[[], float]
EPOCH, RECORD, TIMES = KINDS = ("epoch", "record", "times")
"""A run consists of epochs of training, of what makes a record behind them, and of taking times."""


class Estimate:
    """Counts what is left of each kind, and knows the mean of what each took.

    Args:
        timing: whether times are taken of every job.
        shows_epochs: whether this process hears of single epochs; from others it hears of records alone.
        clock: seconds from any moment on.
    """

    def __init__(self, jobs: Sequence[Job], timing: bool, shows_epochs: bool = True, clock: Clock = time.monotonic):
        self.epochs = {job.id: job.epochs * job.trials * shows_epochs for job in jobs}
        self.left = {RECORD: len(jobs), TIMES: len(jobs) if timing else 0}
        self.taken = dict.fromkeys(KINDS, (0.0, 0))
        self.clock = clock
        self.since = clock()

    def begin(self) -> None:
        """What is counted next begins now."""
        self.since = self.clock()

    def end_epoch(self, job: Job) -> None:
        """An epoch of ``job`` has ended, and what comes behind it begins."""
        self.epochs[job.id] = max(0, self.epochs[job.id] - 1)
        self._take(EPOCH)

    def end(self, job: Job, kind: str, counts: bool) -> None:
        """``job`` has its record or its times, or will have none.

        Args:
            counts: whether that took its time, and was not there before.
        """
        if kind == RECORD:
            self.epochs[job.id] = 0
        self.left[kind] = max(0, self.left[kind] - 1)
        if counts:
            self._take(kind)

    def __str__(self) -> str:
        """``about 3 min left``; what nothing is known of yet is named behind it, and nothing said where all is new."""
        left = self.left | {EPOCH: sum(self.epochs.values())}
        known = [kind for kind in KINDS if self.taken[kind][1]]
        unknown = [kind for kind in KINDS if left[kind] and kind not in known and kind != RECORD]
        if not known or EPOCH in unknown:
            return ""
        seconds = sum(left[kind] * self.taken[kind][0] / self.taken[kind][1] for kind in known)
        return f"about {_duration(seconds)} left" + (f", then times of {left[TIMES]} networks" if unknown else "")

    def _take(self, kind: str) -> None:
        seconds, count = self.taken[kind]
        now = self.clock()
        self.taken[kind] = seconds + now - self.since, count + 1
        self.since = now


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
