"""``bench headroom``: what choosing a network for each image could gain."""

from __future__ import annotations

from pathlib import Path

import click

from bench.errors import BadInput

BUDGETS = "0.41,0.5,0.58,0.65"
LABELS = "CIFAR-10H's cifar10h-probs.npy; default: cifar10h/ beside the images, if it is there."


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUNS...")
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="BENCH_DATA", help="Also from BENCH_DATA.")
@click.option("--budgets", default=BUDGETS, show_default=True, help="Fractions of the dense MACs, comma separated.")
@click.option("--pair", metavar="CHEAP,DEAR", help="Names or jobs of the pair for curve and probes.")
@click.option("--human-labels", type=click.Path(path_type=Path), metavar="FILE", help=LABELS)
@click.option("--records-only", is_flag=True, help="Run no network: oracles and correlations alone.")
@click.option("--out", type=click.Path(path_type=Path), help="Where to; default: headroom/ in the first RUNS.")
def headroom(
    folders: tuple[Path, ...],
    data_dir: Path | None,
    budgets: str,
    pair: str | None,
    human_labels: Path | None,
    records_only: bool,
    out: Path | None,
) -> None:
    """What choosing a network for each image could gain, and who gains it, from all records below RUNS.

    An oracle and two-network cascades against chance and single networks; what a gate could know at each depth; whether
    cost goes where images are hard. All choices are made on validation images and shown on test images.
    """
    from rich.console import Console

    from bench.report.headroom import headroom_tables, write_headroom
    from bench.report.tabular import to_console
    from bench.zoo.headroom import Options, find_headroom

    options = Options(_fractions(budgets), _two(pair), human_labels, records_only)
    found = find_headroom(folders, data_dir, options, lambda line: click.echo(line, err=True))
    console = Console()
    for table in headroom_tables(found):
        console.print(to_console(table))
        for note in table.notes:
            click.echo(note)
    for path in write_headroom(found, out or folders[0] / "headroom"):
        click.echo(path)


def _fractions(text: str) -> tuple[float, ...]:
    try:
        found = tuple(sorted({float(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        found = ()
    if not found or not all(0 < fraction <= 2 for fraction in found):
        raise BadInput(f"--budgets takes fractions above 0 and up to 2, comma separated, not {text!r}")
    return found


def _two(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    names = tuple(part.strip() for part in text.split(","))
    if len(names) != 2 or not all(names):
        raise BadInput(f"--pair takes CHEAP,DEAR, not {text!r}")
    return names
