"""``bench status``: how far the runs into a folder are."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bench.runs.status import DONE, RUNNING, STATES, WAITING, JobStatus, job_statuses

REFRESH_S = 2.0
SHOWN = 20
"""At most so many jobs of one state are named."""


@click.command()
@click.argument("runs", type=click.Path(path_type=Path), default="runs")
@click.option("--watch", is_flag=True, help="Stay and refresh until nothing runs or waits.")
def status(runs: Path, watch: bool) -> None:
    """Shows which jobs in RUNS are done, running, waiting or failed, and why."""
    console = Console()
    if not watch:
        console.print(_view(job_statuses(runs)))
        return
    with Live(console=console, auto_refresh=False) as live:
        while True:
            statuses = job_statuses(runs)
            live.update(_view(statuses), refresh=True)
            if not any(one.state in (RUNNING, WAITING) for one in statuses):
                return
            time.sleep(REFRESH_S)


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
