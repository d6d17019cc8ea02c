"""``bench publish``: trained networks for shipping."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import FOLDER, data_dir_option
from bench.system.files import write_atomically


@click.command()
@click.argument("runs", type=FOLDER, default=Path("runs"))
@click.option("--to", "out", type=FOLDER, required=True, help="Folder of the shipped networks.")
@data_dir_option
def publish(runs: Path, out: Path, data_dir: Path | None) -> None:
    """Rounds the networks of all records in RUNS to half precision, measures them as rounded, and keeps them.

    Beside the folder, a CSV file of the same name holds the table of all networks in it.
    """
    from bench.data import load_data
    from bench.data.recorded import data_options
    from bench.records import find_records, table
    from bench.zoo.loading import find_pretrained
    from bench.zoo.loading import publish as publish_one

    data = {}
    for folder, record in find_records([runs]).items():
        key = record.dataset, data_options(record)
        if key not in data:
            data[key] = load_data(record.dataset, data_dir, data_options(record))
        rounded = publish_one(folder, record, data[key], out)
        cost = rounded.top1 - record.top1
        click.echo(f"{folder.name}: top-1 {rounded.top1:.2f} % ({cost:+.2f} by rounding), {rounded.macs_fraction:.4f}")
    shipped = table(find_pretrained(out).values())
    write_atomically(out.with_suffix(".csv"), lambda path: shipped.to_csv(path, index=False))
