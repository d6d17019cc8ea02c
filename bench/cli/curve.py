"""``bench curve``: the accuracy/MACs curve of one trained network."""

from __future__ import annotations

from pathlib import Path

import click

from bench.choices import EXECUTORS
from bench.cli.values import FOLDER, data_dir_option
from bench.records.curves import CURVE_FILE, NOTE
from bench.system.files import write_atomically


@click.command()
@click.argument("job", type=FOLDER)
@data_dir_option
@click.option("--span", type=click.FloatRange(0, 1e6, min_open=True), default=2.0, show_default=True)
@click.option(
    "--points", type=click.IntRange(3, 1001), default=21, show_default=True, help="Shifts from -span to span."
)
@click.option("--executor", type=click.Choice(EXECUTORS), default="auto", show_default=True)
def curve(job: Path, data_dir: Path | None, span: float, points: int, executor: str) -> None:
    """Moves the thresholds of the network in folder JOB and writes its accuracy at other budgets into its curve.csv.

    Networks that stop early are shown answer by answer (anytime) and at budgets, for which thresholds are chosen on
    validation images; of other networks all thresholds are shifted together. bench report shows what it finds.
    """
    from bench.zoo.curve import curve as measure_curve
    from bench.zoo.curve import threshold_shifts

    table = measure_curve(job, data_dir, threshold_shifts(span, points), executor)
    # Shown first: what was measured for minutes is not lost where the folder cannot be written.
    click.echo(table.to_string(index=False, na_rep="", float_format=lambda value: f"{value:.4g}"))
    click.echo(NOTE)
    write_atomically(job / CURVE_FILE, lambda path: table.to_csv(path, index=False))
    click.echo(job / CURVE_FILE)
