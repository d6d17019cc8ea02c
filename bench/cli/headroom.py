"""``bench headroom``: what choosing a network for each image could gain."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import FILE, FOLDER, CommaSeparated, data_dir_option
from bench.errors import BadInput

BUDGETS, MOST = "0.41,0.5,0.58,0.65", 2
LABELS = "CIFAR-10H's cifar10h-probs.npy; default: cifar10h/ beside the images, if it is there."


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER, metavar="RUNS...")
@data_dir_option
@click.option("--budgets", type=CommaSeparated(float), default=BUDGETS, show_default=True, help="Of the dense MACs.")
@click.option("--pair", type=CommaSeparated(str), metavar="CHEAP,DEAR", help="Names or jobs, for curve and probes.")
@click.option("--human-labels", type=FILE, metavar="FILE", help=LABELS)
@click.option("--records-only", is_flag=True, help="Run no network: oracles and correlations alone.")
@click.option("--out", type=FOLDER, help="Where to; default: headroom/ in the first RUNS.")
def headroom(
    folders: tuple[Path, ...],
    data_dir: Path | None,
    budgets: tuple[float, ...],
    pair: tuple[str, ...] | None,
    human_labels: Path | None,
    records_only: bool,
    out: Path | None,
) -> None:
    """What choosing a network for each image could gain, and who gains it, from all records below RUNS.

    An oracle and two-network cascades against chance and single networks; what a gate could know at each depth; whether
    cost goes where images are hard. All choices are made on validation images and shown on test images.
    """
    from rich.console import Console

    from bench.report.headroom import headroom_tables, make_folder, write_headroom
    from bench.report.tabular import to_console
    from bench.zoo.headroom import Options, find_headroom

    options = Options(_fractions(budgets), _two(pair), human_labels, records_only)
    target = out or folders[0] / "headroom"
    if out or folders[0].is_dir():
        make_folder(target)
    found = find_headroom(folders, data_dir, options, lambda line: click.echo(line, err=True))
    console = Console()
    for table in headroom_tables(found):
        console.print(to_console(table))
        for note in table.notes:
            click.echo(note)
    for path in write_headroom(found, target):
        click.echo(path)


def _fractions(given: tuple[float, ...]) -> tuple[float, ...]:
    if not given or not all(0 < fraction <= MOST for fraction in given):
        raise BadInput(f"--budgets takes fractions above 0 and up to {MOST}, comma separated")
    return tuple(sorted(set(given)))


def _two(names: tuple[str, ...] | None) -> tuple[str, str] | None:
    if names is not None and len(names) != 2:
        raise BadInput(f"--pair takes CHEAP,DEAR, not {len(names)} names")
    return names
