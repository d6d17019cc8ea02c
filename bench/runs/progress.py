"""Progress bars for people; nothing where stdout is no terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.runs.plan.jobs import Job


class RunProgress:
    """Two bars: jobs of the run, epochs of the present job. A context manager."""

    def __init__(self, console: Console, jobs: int):
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self._jobs = self._progress.add_task("jobs", total=jobs)
        self._epochs = self._progress.add_task("epochs", total=None)

    def __enter__(self) -> RunProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def start(self, job: Job) -> None:
        self._progress.reset(self._epochs, total=job.epochs or None, description=job.id)

    def epoch(self, row: dict) -> None:
        accuracy, fraction = row["validation_top1"], row["validation_macs_fraction"]
        text = f"{row['stage']} {row['epoch']}/{row['of']}: validation {accuracy:.1f} % at {fraction:.3f} of the MACs"
        self._progress.update(self._epochs, advance=1, description=text)

    def finish(self) -> None:
        self._progress.advance(self._jobs)
