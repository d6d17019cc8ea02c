"""How ``bench status`` shows where jobs stand, once or until none runs or waits."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bench.cli.terminal import table_console
from bench.runs.status import DONE, RUNNING, STATES, WAITING, JobStatus, job_statuses

REFRESH_S = 2.0
NARROWEST_LIVE = 20
"""Columns: what is redrawn in place must fit the terminal."""
SHOWN = 20
"""At most so many jobs of one state are named."""


def show(runs: Path) -> None:
    """Prints where the jobs in ``runs`` stand."""
    table_console().print(_view(job_statuses(runs)))


def watch(runs: Path) -> None:
    """Shows it again and again; without a terminal, once for each change."""
    console = table_console(NARROWEST_LIVE)
    if not console.file.isatty():
        _print_changes(runs, console)
        return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            statuses = job_statuses(runs)
            live.update(_view(statuses), refresh=True)
            if not _is_open(statuses):
                return
            time.sleep(REFRESH_S)


def _print_changes(runs: Path, console: Console) -> None:
    before = None
    while True:
        statuses = job_statuses(runs)
        if (now := [(status.job_id, status.state) for status in statuses]) != before:
            console.print(_view(statuses))
        if not _is_open(statuses):
            return
        before = now
        time.sleep(REFRESH_S)


def _is_open(statuses: list[JobStatus]) -> bool:
    return any(status.state in (RUNNING, WAITING) for status in statuses)


def _view(statuses: list[JobStatus]) -> Group:
    counts = Counter(one.state for one in statuses)
    summary = Text(", ".join(f"{counts[state]} {state}" for state in STATES))
    table = Table(box=None, pad_edge=False)
    for name in ("State", "Job", "Why"):
        table.add_column(name, overflow="fold")
    for state in STATES:
        named = [one for one in statuses if one.state == state and state != DONE]
        for one in named[:SHOWN]:
            table.add_row(one.state, Text(one.job_id), Text(one.reason))
        if len(named) > SHOWN:
            table.add_row(state, f"... and {len(named) - SHOWN} more", "")
    return Group(summary, table) if table.row_count else Group(summary)
