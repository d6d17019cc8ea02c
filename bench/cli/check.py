"""``bench check``: guard reproduced numbers."""

from __future__ import annotations

import math
from pathlib import Path

import click
import pandas as pd

from bench.errors import BadInput, CheckFailed
from bench.records import COLUMNS, find_records, table

KEY = ["method", "dataset", "backbone", "point", "seed"]
TOP1_TOLERANCE = 0.05
"""Points of accuracy: another machine's rounding may move a few borderline images of 10,000."""
MACS_TOLERANCE = 1e-4
"""Relative: decisions at a threshold may move with rounding; static networks move by nothing."""


@click.command()
@click.option("--against", type=click.Path(path_type=Path), required=True, help="A table.csv with the agreed numbers.")
@click.argument("runs", type=click.Path(path_type=Path), default=Path("runs"))
def check(against: Path, runs: Path) -> None:
    """Compares the records in RUNS with a table; exits 1 and says which numbers left their tolerance."""
    agreed = _read(against)
    measured = table(find_records([runs]).values())
    differences, compared = compare(agreed, measured)
    for line in differences:
        click.echo(line)
    if not compared:
        raise CheckFailed(f"nothing was compared: no record in {runs} has a counterpart in {against}")
    if differences:
        raise CheckFailed(f"{len(differences)} numbers left their tolerance in {compared} compared records")
    click.echo(f"{compared} records agree with {against}")


def compare(agreed: pd.DataFrame, measured: pd.DataFrame) -> tuple[list[str], int]:
    """Readable differences, and the number of records that stand in both tables.

    ``top1`` may differ by ``TOP1_TOLERANCE`` points, ``macs_mean`` relatively by ``MACS_TOLERANCE``; ``n_test`` and
    ``macs_backbone`` must be equal.
    """
    # A missing point is written as NaN, which equals nothing: give it a value that is no point.
    both = agreed.fillna({"point": -1}).merge(
        measured.fillna({"point": -1}), on=KEY, suffixes=("_agreed", "_measured"), validate="one_to_many"
    )
    allowed = {
        "top1": lambda value: TOP1_TOLERANCE,
        "macs_mean": lambda value: MACS_TOLERANCE * value,
        "n_test": lambda value: 0,
        "macs_backbone": lambda value: 0,
    }
    differences = []
    for row in both.to_dict("records"):
        name = "/".join(str(row[key]) for key in KEY if not (key == "point" and row[key] == -1))
        for column, tolerance in allowed.items():
            want, have = _number(row[f"{column}_agreed"]), _number(row[f"{column}_measured"])
            if not abs(have - want) <= tolerance(want):
                differences.append(f"{name}: {column} is {have:g}, agreed {want:g} +- {tolerance(want):g}")
    return differences, len(both)


def _number(value: float | None) -> float:
    """Unknown is not a number, and a number that became unknown is a difference."""
    return math.nan if value is None else float(value)


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    if missing := [column for column in COLUMNS if column not in frame]:
        raise BadInput(f"{path} is no table of records: column {missing[0]} is missing")
    return frame
