"""``bench publish``: trained networks for shipping."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import FOLDER, data_dir_option


@click.command()
@click.argument("runs", type=FOLDER, default=Path("runs"))
@click.option("--to", "out", type=FOLDER, required=True, help="Folder of the shipped networks.")
@data_dir_option
def publish(runs: Path, out: Path, data_dir: Path | None) -> None:
    """Rounds the networks of all records in RUNS to half precision, measures them as rounded, and keeps them.

    Beside the folder, a CSV file of the same name holds the table of all networks in it.
    """
    from bench.zoo.publishing import plan_publication

    publication = plan_publication(runs, out, data_dir)
    publication.check()
    for folder, rounded in publication.publish():
        cost = rounded.top1 - publication.jobs[folder].top1
        click.echo(f"{folder.name}: top-1 {rounded.top1:.2f} % ({cost:+.2f} by rounding), {rounded.macs_fraction:.4f}")
