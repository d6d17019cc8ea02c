"""``bench merge``: bring folders of records together."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import FOLDER
from bench.errors import CheckFailed


@click.command()
@click.argument("runs", type=FOLDER, nargs=-1, required=True)
@click.option("--out", type=FOLDER, required=True, help="May hold records already.")
def merge(runs: tuple[Path, ...], out: Path) -> None:
    """Copies the finished jobs of all RUNS into one folder; conflicts are named and never overwritten."""
    from bench.records.merge import merge as merge_folders

    merged = merge_folders(runs, out)
    click.echo(f"{len(merged.copied)} copied, {len(merged.kept)} already there with the same results")
    if merged.timed:
        click.echo(f"{len(merged.timed)} there with the same results but without times, which were added")
    for folder in merged.damaged:
        click.echo(f"DAMAGED {folder}: its files are not as long as its record says; not copied")
    for job_id, folder in merged.conflicts.items():
        click.echo(f"CONFLICT {job_id}: {folder} has other results than {out / job_id}, which stays")
    if merged.conflicts:
        raise CheckFailed(f"{len(merged.conflicts)} jobs have different results in different folders")
    if merged.damaged:
        raise CheckFailed(f"{len(merged.damaged)} damaged jobs were not copied")
