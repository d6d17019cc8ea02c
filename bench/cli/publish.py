"""``bench publish``: trained networks for shipping."""

from __future__ import annotations

from pathlib import Path

import click

from bench.data import load_data
from bench.records import data_options, find_records, table
from bench.system.files import write_atomically
from bench.zoo.loading import find_pretrained
from bench.zoo.loading import publish as publish_one


@click.command()
@click.argument("runs", type=click.Path(path_type=Path), default=Path("runs"))
@click.option("--to", "out", type=click.Path(path_type=Path), required=True, help="Folder of the shipped networks.")
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="BENCH_DATA", help="Also from BENCH_DATA.")
def publish(runs: Path, out: Path, data_dir: Path | None) -> None:
    """Rounds the networks of all records in RUNS to half precision, measures them as rounded, and keeps them.

    Beside the folder, a CSV file of the same name holds the table of all networks in it.
    """
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
