"""What ``bench run``, ``bench tune`` and ``bench quantise`` print behind their work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from bench.cli.command_line import typed_command
from bench.cli.options import slurm_parameters
from bench.cli.terminal import table_console
from bench.errors import BadInput, CheckFailed
from bench.records import finished_jobs, read_record
from bench.report import write_report
from bench.report.tables import console_table
from bench.runs import resources
from bench.runs.request import Request, make_request
from bench.runs.run import Ended, run_changed
from bench.runs.run import run as run_request
from bench.runs.selection import Selection, select_quantised, select_tuned

REPORT = "report"


def run(out: Path, track: tuple[str, ...], **options: Any) -> None:
    """Trains and measures METHODS beside their dense backbone; finished records are kept, unfinished ones continued."""
    options["slurm"] = slurm_parameters(options["slurm"])
    with _interruptions():
        ended = run_request(make_request(options), out, _command(), _say, track)
    if ended is not None:
        _summarise(ended)


def tune(job: Path, budget: float | None, ms: float | None, out: Path, **options: Any) -> None:
    """Sets a trained network to a budget and measures it."""
    request = make_request(options)
    _measure(select_tuned(job, budget, ms, request.data_dir), request, out)


def quantise(jobs: tuple[Path, ...], out: Path, **options: Any) -> None:
    """Quantises trained networks and measures them."""
    request = make_request(options | {"device": "cpu"})
    _measure(select_quantised(jobs, request.data_dir), request, out)


def _measure(selection: Selection, request: Request, out: Path) -> None:
    with _interruptions():
        ended = run_changed(selection, request, out, _command(), _say)
    _summarise(ended)


def _command() -> str:
    return typed_command(click.get_current_context())


def _say(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def _interruptions() -> Iterator[None]:
    """An interruption that says what was kept ends with that line."""
    try:
        yield
    except KeyboardInterrupt as signal:
        if not signal.args:
            raise
        raise click.Abort(*signal.args) from signal.__cause__


def _summarise(ended: Ended) -> None:
    """The table of this run, the report on the whole folder, where everything lies, and last what failed."""
    console, out = table_console(), ended.out
    if folders := ended.folders:
        console.print(console_table([read_record(folder) for folder in folders]))
        for path in _report(folders, out):
            console.print(f"{path}", soft_wrap=True, highlight=False, markup=False)
        if text := resources.line(read_record(folder).details.get("resources", {}) for folder in folders):
            console.print(text, soft_wrap=True, highlight=False, markup=False)
    console.print(f"records: {os.path.join(out, '')}", soft_wrap=True, highlight=False, markup=False)
    for outcome in ended.failed:
        console.print(f"FAILED {outcome.job.id}: {outcome.reason}", soft_wrap=True, highlight=False, markup=False)
    if failed := ended.failed:
        raise CheckFailed(f"{len(failed)} of {len(ended.outcomes)} jobs failed; the others are done and kept")


def _report(folders: list[Path], out: Path) -> list[Path]:
    """Reports on all finished jobs in ``out``; where these cannot stand together, on ``folders``, and says why."""
    finished = sorted({*finished_jobs(out), *folders})
    if len(finished) == len(folders):
        return write_report(folders, out / REPORT, formats=("md", "csv"))
    try:
        files = write_report(finished, out / REPORT, formats=("md", "csv"))
        click.echo(f"{out / REPORT} is about all {len(finished)} finished jobs in {out}; this run named {len(folders)}")
        return files
    except BadInput as error:
        if isinstance(error.__cause__, OSError):  # a full disk is no better for fewer jobs
            raise
        click.echo(f"{out / REPORT} is about this run alone, not about all of {out}: {error}", err=True)
        return write_report(folders, out / REPORT, formats=("md", "csv"))
