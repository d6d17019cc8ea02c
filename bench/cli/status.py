"""``bench status``: how far the runs into a folder are."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import FOLDER


@click.command()
@click.argument("runs", type=FOLDER, default="runs")
@click.option("--watch", is_flag=True, help="Stay and refresh until nothing runs or waits.")
def status(runs: Path, watch: bool) -> None:
    """Shows which jobs in RUNS are done, running, waiting or failed, and why."""
    from bench.cli import status_table

    (status_table.watch if watch else status_table.show)(runs)
