"""How long what is left of a run will take, by what its parts have taken so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bench.runs.phases import Phase
from bench.runs.plan.jobs import Job

Clock = Callable[[], float]
EPOCH = "epoch"
"""What the first phase consists of, beside what comes behind its training; other phases are counted as a whole."""


class Estimate:
    """Counts what is left of each kind, and knows the mean of what each took.

    Args:
        phases: what is done to every job.
        shows_epochs: whether this process hears of single epochs; from others it hears of records alone.
        clock: seconds from any moment on.
    """

    def __init__(
        self, jobs: Sequence[Job], phases: Sequence[Phase], shows_epochs: bool = True, clock: Clock = time.monotonic
    ):
        self.epochs = {job.id: job.epochs * job.trials * shows_epochs for job in jobs}
        self.left = {phase.name: len(jobs) for phase in phases}
        self.first = phases[0].name
        self.taken = dict.fromkeys((EPOCH, *self.left), (0.0, 0))
        self.clock = clock
        self.since = clock()

    def begin(self) -> None:
        """What is counted next begins now."""
        self.since = self.clock()

    def end_epoch(self, job: Job) -> None:
        """An epoch of ``job`` has ended, and what comes behind it begins."""
        self.epochs[job.id] = max(0, self.epochs[job.id] - 1)
        self._take(EPOCH)

    def end(self, job: Job, phase: Phase, counts: bool) -> None:
        """A phase of ``job`` is done, or will not be.

        Args:
            counts: whether that took its time, and was not there before.
        """
        if phase.name == self.first:
            self.epochs[job.id] = 0
        self.left[phase.name] = max(0, self.left[phase.name] - 1)
        if counts:
            self._take(phase.name)

    def __str__(self) -> str:
        """``about 3 min left``; what nothing is known of yet is named behind it, and nothing said where all is new."""
        left = self.left | {EPOCH: sum(self.epochs.values())}
        known = [kind for kind, (_, count) in self.taken.items() if count]
        unknown = [kind for kind in self.taken if left[kind] and kind not in known and kind != self.first]
        if not known or EPOCH in unknown:
            return ""
        seconds = sum(left[kind] * self.taken[kind][0] / self.taken[kind][1] for kind in known)
        return f"about {_duration(seconds)} left" + "".join(
            f", then {kind} of {left[kind]} networks" for kind in unknown
        )

    def _take(self, kind: str) -> None:
        seconds, count = self.taken[kind]
        now = self.clock()
        self.taken[kind] = seconds + now - self.since, count + 1
        self.since = now


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
