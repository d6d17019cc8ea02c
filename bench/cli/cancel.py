"""``bench cancel``: end the runs into a folder."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import FOLDER
from bench.errors import BadInput


@click.command()
@click.argument("runs", type=FOLDER, default="runs")
def cancel(runs: Path) -> None:
    """Ends what runs into RUNS, whichever process or cluster does it; finished epochs and records are kept."""
    from bench.runs.plan.written import CANCELLED_FILE, read_plans

    if not runs.is_dir():
        raise BadInput(f"no folder {runs}")
    plans = {folder: plan for folder, plan in read_plans(runs).items() if not (folder / CANCELLED_FILE).exists()}
    for folder, plan in plans.items():
        (folder / CANCELLED_FILE).touch()
        if plan.slurm_jobs:
            from bench.runs.engines.slurm import cancel as cancel_arrays

            cancel_arrays(plan.slurm_jobs)
        click.echo(f"cancelled: {plan.command}")
    if not plans:
        click.echo(f"nothing is planned in {runs}")
