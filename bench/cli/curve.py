"""``bench curve``: the accuracy/MACs curve of one trained network."""

from __future__ import annotations

from pathlib import Path

import click

from bench.choices import EXECUTORS
from bench.cli.values import FOLDER, data_dir_option
from bench.system.files import write_atomically

CURVE_FILE = "curve.csv"


@click.command()
@click.argument("job", type=FOLDER)
@data_dir_option
@click.option("--span", type=click.FloatRange(0, 1e6, min_open=True), default=2.0, show_default=True)
@click.option(
    "--points", type=click.IntRange(3, 1001), default=21, show_default=True, help="Shifts from -span to span."
)
@click.option("--executor", type=click.Choice(EXECUTORS), default="auto", show_default=True)
def curve(job: Path, data_dir: Path | None, span: float, points: int, executor: str) -> None:
    """Moves the thresholds of the finished job in folder JOB and writes what that changes into its curve.csv."""
    from bench.zoo.curve import NOTE, threshold_shifts
    from bench.zoo.curve import curve as measure_curve

    table = measure_curve(job, data_dir, threshold_shifts(span, points), executor)
    # Shown first: what was measured for minutes is not lost where the folder cannot be written.
    click.echo(table.drop(columns="note").to_string(index=False, float_format=lambda value: f"{value:.4g}"))
    click.echo(NOTE)
    write_atomically(job / CURVE_FILE, lambda path: table.to_csv(path, index=False))
    click.echo(job / CURVE_FILE)
