"""``bench import``: outcomes of a network that ran elsewhere, as a record beside ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from bench.choices import dataset_names
from bench.cli.command_line import typed_command
from bench.cli.options import out_option
from bench.cli.values import BACKBONE, FILE

NAME = "What to call them; `(claimed elsewhere)` is put behind it wherever they are shown."
PLACE = "Of the records that they are set beside, where --out holds several."
POINT = "Fraction of the dense MACs that the network was made for."
EPOCHS = "That it was trained for on top of a dense network; without, it is in no contest of the leaderboard."


@click.command("import")
@click.argument("outcomes", type=FILE, metavar="OUTCOMES.csv")
@click.option("--as", "name", required=True, metavar="NAME", help=NAME)
@click.option("--dataset", type=click.Choice(dataset_names()), help=PLACE)
@click.option("--backbone", type=BACKBONE, help="Likewise.")
@click.option("--point", type=float, help=POINT)
@click.option("--seed", type=int, default=0, show_default=True, help="Seeds of one name and point are pooled.")
@click.option("--epochs", type=click.IntRange(min=0), help=EPOCHS)
@click.option("--params", type=click.IntRange(min=0), help="How many parameters it has.")
@out_option
def import_(outcomes: Path, out: Path, **said) -> None:
    """Makes a record of OUTCOMES.csv, marked as claimed elsewhere, beside the records in --out.

    One line for each test image: index, prediction, macs; also gate_macs, confidence, milliseconds and label, where
    known. Classes and indices are numbered as in our samples.parquet.
    """
    from bench.cli.terminal import table_console
    from bench.records import read_record
    from bench.records.claims import Claim, import_outcomes
    from bench.report.results import load_groups
    from bench.report.tables import console_table
    from bench.report.tables.claims import claim_table
    from bench.report.tabular import to_console
    from bench.report.units import UNITS

    folder = import_outcomes(outcomes, Claim(**said), out, typed_command(click.get_current_context()))
    record, console = read_record(folder), table_console()
    console.print(console_table([record]))
    for group in load_groups([out]):
        own = [
            entry
            for entry in group.entries
            if entry.comparable or any(result.job == folder.name for result in entry.results)
        ]
        if table := claim_table(replace(group, entries=own), UNITS["macs"]):
            console.print(to_console(table))
    console.print(f"record: {folder}", soft_wrap=True, highlight=False, markup=False)
