"""``bench publish``: trained networks for shipping."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import FOLDER, data_dir_option

WITHOUT = "Keep records and the outcomes of images alone, as they are: of networks that are too large to ship."


@click.command()
@click.argument("runs", type=FOLDER, default=Path("runs"))
@click.option("--to", "out", type=FOLDER, required=True, help="Folder of the shipped networks.")
@click.option("--without-networks", is_flag=True, help=WITHOUT)
@data_dir_option
def publish(runs: Path, out: Path, without_networks: bool, data_dir: Path | None) -> None:
    """Rounds the networks of all records in RUNS to half precision, measures them as rounded, and keeps them.

    Beside the folder, a CSV file of the same name holds the table of all networks in it.
    """
    from bench.zoo.publishing import plan_publication

    publication = plan_publication(runs, out, data_dir, not without_networks)
    publication.check()
    for folder, rounded in publication.publish():
        cost = rounded.top1 - publication.jobs[folder].top1
        how = "without its network" if without_networks else f"{cost:+.2f} by rounding"
        click.echo(f"{folder.name}: top-1 {rounded.top1:.2f} % ({how}), {rounded.macs_fraction:.4f}")
