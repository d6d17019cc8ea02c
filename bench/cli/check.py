"""``bench check``: guard reproduced numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.choices import SHIPPED_FOLDER, TIERS
from bench.cli.values import FILE, FOLDER, data_dir_option
from bench.errors import BadInput, CheckFailed

if TYPE_CHECKING:
    import pandas as pd

TIER = "fast: 500 images of every network; full: all images of a part of the networks."


class Part(click.ParamType):
    """``K/N``: part K of N, counted from 1."""

    name = "K/N"

    def convert(self, value, parameter, context):
        try:
            part, parts = map(int, str(value).split("/"))
        except ValueError:
            self.fail(f"{value!r} is not of the form K/N", parameter, context)
        if not 1 <= part <= parts:
            self.fail(f"there is no part {part} of {parts}", parameter, context)
        return part, parts


@click.command()
@click.option("--against", type=FILE, help="A table.csv with the agreed numbers, for RUNS.")
@click.option(
    "--pretrained", type=FOLDER, is_flag=False, flag_value=SHIPPED_FOLDER,
    help=f"Measure the shipped networks below this folder again. Default: {SHIPPED_FOLDER}.",
)  # fmt: skip
@click.option("--tier", type=click.Choice(TIERS), default="fast", show_default=True, help=TIER)
@click.option("--part", type=Part(), default="1/1", show_default=True, help="Of the shipped networks, which part.")
@data_dir_option
@click.argument("runs", type=FOLDER, default=Path("runs"))
def check(against, pretrained, tier, part, data_dir, runs) -> None:
    """Compares the records in RUNS with a table, or shipped networks with their records.

    Exits 1 and says which numbers left their tolerance.
    """
    if (against is None) == (pretrained is None):
        raise BadInput("say what to check: --against TABLE for the records in RUNS, or --pretrained for networks")
    if against is not None:
        _check_table(against, runs)
    else:
        _check_networks(pretrained, tier, *part, data_dir)


def _check_table(against: Path, runs: Path) -> None:
    from bench.records import find_records, table
    from bench.records.regression import TYPES, compare_tables

    measured = table(find_records([runs]).values()).astype(TYPES)
    differences, compared = compare_tables(_read(against), measured)
    _conclude(differences, compared, f"records in {runs}", f"with {against}")


def _check_networks(folder: Path, tier: str, part: int, parts: int, data_dir: Path | None) -> None:
    from bench.data import load_data
    from bench.data.recorded import data_options
    from bench.records.regression import compare_network
    from bench.zoo.loading import find_pretrained, part_of

    found = find_pretrained(folder)
    chosen = part_of(list(found), part - 1, parts)
    data, differences = {}, []
    for path in chosen:
        record = found[path]
        key = record.dataset, data_options(record)
        if key not in data:
            data[key] = load_data(record.dataset, data_dir, data_options(record))
        said = compare_network(path, record, data[key], tier)
        click.echo(f"{'differs' if said else 'agrees'}: {path.name}")
        differences += said
    _conclude(differences, len(chosen), f"networks in {folder}", "with their records")


def _conclude(differences: list[str], compared: int, what: str, against: str) -> None:
    for line in differences:
        click.echo(line)
    if not compared:
        raise CheckFailed(f"nothing was compared: no {what} to compare {against}")
    if differences:
        raise CheckFailed(f"{len(differences)} differences in {compared} {what} compared {against}")
    click.echo(f"{compared} {what} agree {against}")


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    from bench.records import COLUMNS
    from bench.records.regression import KEY, TYPES

    try:
        frame = pd.read_csv(path)
        if missing := [column for column in COLUMNS if column not in frame]:
            raise BadInput(f"{path} is no table of records: column {missing[0]} is missing")
        frame = frame.astype(TYPES)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    if frame.duplicated(KEY).any():
        raise BadInput(f"{path} holds two rows for one method, data set, backbone, point and seed")
    return frame
