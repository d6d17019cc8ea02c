"""Progress of a run: bars on a terminal; elsewhere, as in log files and CI, a line for each epoch and job."""

from __future__ import annotations

import select
import sys
from collections.abc import Sequence
from contextlib import suppress

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.runs.estimate import Estimate
from bench.runs.phases import Phase
from bench.runs.plan.jobs import Job


class RunProgress:
    """Tells how far a run is, and how long what is left will take. A context manager.

    Args:
        phases: what is done to every job.
        shows_epochs: see :class:`bench.runs.estimate.Estimate`.
    """

    def __init__(self, console: Console, jobs: Sequence[Job], phases: Sequence[Phase], shows_epochs: bool):
        # Colours may be forced where there is no terminal (FORCE_COLOR); bars would be a mess there.
        self._on_terminal = console.file.isatty() and not console.is_dumb_terminal
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=console, disable=not self._on_terminal, transient=True)
        self._total, self._done = len(jobs) * len(phases), 0
        self._job: Job | None = None
        self._jobs = self._bars.add_task("jobs", total=self._total)
        self._epochs = self._bars.add_task("epochs", total=None)
        self.estimate = Estimate(jobs, phases, shows_epochs)

    def __enter__(self) -> RunProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def start(self, job: Job) -> None:
        """``job`` begins in this process."""
        self._job = job
        self.estimate.begin()
        self._bars.reset(self._epochs, total=job.epochs or None, description=job.id)

    def epoch(self, row: dict) -> None:
        """An epoch of the present job has ended; ``row`` is its row of ``train.csv``."""
        accuracy, fraction = row["validation_top1"], row["validation_macs_fraction"]
        text = f"{row['stage']} {row['epoch']}/{row['of']}: validation {accuracy:.1f} % at {fraction:.3f} of the MACs"
        assert self._job is not None
        self.estimate.end_epoch(self._job)
        self._bars.update(self._epochs, advance=1, description=text)
        self._tell(f"{self._job.id}: {text}")

    def finish(self, job: Job, phase: Phase, outcome: str = "") -> None:
        """A phase of ``job`` is done, or will not be.

        Args:
            outcome: what became of it where it was not made now: ``kept``, ``failed``.
        """
        self._done += 1
        self.estimate.end(job, phase, counts=not outcome)
        self._bars.advance(self._jobs)
        self._tell(f"{job.id}: {outcome or phase.past}")

    def _tell(self, text: str) -> None:
        self._bars.update(self._jobs, description=" ".join(filter(None, ("jobs", str(self.estimate)))))
        if not self._on_terminal and _takes_a_line():
            # A reader that has gone, or a full disk, ends no training; the table at the end meets it again.
            with suppress(OSError, ValueError):
                click.echo("; ".join(filter(None, (f"[{self._done}/{self._total}] {text}", str(self.estimate)))))


def _takes_a_line() -> bool:
    """Whether standard output takes a line at once: no training waits for the reader of a full pipe."""
    try:
        return bool(select.select([], [sys.stdout.fileno()], [], 0)[1])
    except (OSError, ValueError):
        return True  # Nothing that could be full, as in tests.
