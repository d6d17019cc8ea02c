"""``bench compare``: two records side by side."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import FOLDER


@click.command()
@click.argument("a", type=FOLDER)
@click.argument("b", type=FOLDER)
def compare(a: Path, b: Path) -> None:
    """Compare the records in the job folders A and B: paired test, class by class, images where they disagree."""
    from bench.cli.terminal import table_console
    from bench.report.results import load_result
    from bench.report.tables.versus import versus_tables
    from bench.report.tabular import to_console

    console = table_console()
    for table in versus_tables(load_result(a), load_result(b)):
        console.print(to_console(table))
