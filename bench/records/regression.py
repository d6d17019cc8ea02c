"""Comparison of tables: whether numbers are still what was agreed, and whether both sides are whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import BadInput

KEY = ["method", "dataset", "backbone", "point", "seed"]
"""Of a record. A table may hold several: a trained network, and what `bench tune` made of it at its point."""
TYPES: dict[str, type] = {
    **dict.fromkeys(("method", "dataset", "backbone"), str),
    "seed": int,
    **dict.fromkeys(("point", "n_test", "top1", "macs_mean", "macs_backbone"), float),
}
"""Of the columns that are compared."""
SAME_POINT, NO_POINT = 1e-9, -1.0
ONE_SIDED = {"left_only": "agreed, but there is no record", "right_only": "a record that the agreed table lacks"}
TOP1_TOLERANCE = 0.05
"""Points of accuracy: another machine's rounding may move a few borderline images of 10,000."""
MACS_TOLERANCE = 1e-4
"""Relative: decisions at a threshold may move with rounding; static networks move by nothing."""


@dataclass(frozen=True)
class TableComparison:
    """What two tables of records say of each other.

    Attributes:
        differences: numbers that left their tolerance, one readable line each.
        unmatched: rows that stand in one of the tables only, one readable line each.
        compared: records that stand in both.
    """

    differences: list[str]
    unmatched: list[str]
    compared: int


def read_table(path: Path) -> pd.DataFrame:
    """A ``table.csv`` with agreed numbers.

    Raises:
        BadInput: it cannot be read, or lacks a column that is compared.
    """
    try:
        frame = pd.read_csv(path)
        if missing := [column for column in TYPES if column not in frame]:
            raise BadInput(f"{path} is no table of records: column {missing[0]} is missing")
        return frame.astype(TYPES)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error


def compare_tables(agreed: pd.DataFrame, measured: pd.DataFrame) -> TableComparison:
    """Compares records, matched by ``KEY`` (of several agreed ones the nearest); points match within ``SAME_POINT``.

    ``top1`` may differ by ``TOP1_TOLERANCE`` points, ``macs_mean`` relatively by ``MACS_TOLERANCE``; ``n_test`` and
    ``macs_backbone`` must be equal.
    """
    known, found = _with_points_of(agreed, agreed).drop_duplicates(), _with_points_of(measured.astype(TYPES), agreed)
    both = known.assign(place=known.groupby(KEY).cumcount()).merge(
        found.assign(place=_places(found, known)),
        how="outer",
        on=[*KEY, "place"],
        suffixes=("_agreed", "_measured"),
        validate="one_to_many",
        indicator="sides",
    )
    differences, unmatched = [], []
    for row in both.to_dict("records"):
        name = "/".join(str(row[key]) for key in KEY if not (key == "point" and row[key] == NO_POINT))
        if row["sides"] == "both":
            differences += [f"{name}: {text}" for text in _row_differences(row)]
        else:
            unmatched.append(f"{name}: {ONE_SIDED[row['sides']]}")
    return TableComparison(differences, unmatched, len(both) - len(unmatched))


def _places(rows: pd.DataFrame, agreed: pd.DataFrame) -> list[int]:
    """For each of ``rows``, which agreed row of its ``KEY`` is nearest by accuracy and MACs; 0: the first, or none."""
    numbers = {key: same[["top1", "macs_mean"]].to_numpy() for key, same in agreed.groupby(KEY)}
    keys = rows[KEY].itertuples(index=False, name=None)
    own = rows[["top1", "macs_mean"]].to_numpy()
    return [_nearest(numbers[key], mine) if key in numbers else 0 for key, mine in zip(keys, own)]


def _nearest(rows: NDArray[np.float64], row: NDArray[np.float64]) -> int:
    distance = np.abs(rows - row) / [TOP1_TOLERANCE, MACS_TOLERANCE * max(float(row[1]), 1.0)]
    return int(np.argmin(np.nan_to_num(distance.sum(1), nan=np.inf)))


def _with_points_of(table: pd.DataFrame, agreed: pd.DataFrame) -> pd.DataFrame:
    """``table`` with every point that is within ``SAME_POINT`` of an agreed one written as that one."""
    # A missing point is NaN, which equals nothing: it gets a value that is no point.
    known = sorted(set(agreed["point"].fillna(NO_POINT)))
    points = table["point"].fillna(NO_POINT)
    return table[list(TYPES)].assign(
        point=[next((one for one in known if abs(one - point) <= SAME_POINT), point) for point in points]
    )


def _row_differences(row: dict[str, Any]) -> list[str]:
    allowed: dict[str, Callable[[float], float]] = {
        "top1": lambda value: TOP1_TOLERANCE,
        "macs_mean": lambda value: MACS_TOLERANCE * value,
        "n_test": lambda value: 0,
        "macs_backbone": lambda value: 0,
    }
    differences = []
    for column, tolerance in allowed.items():
        want, have = _number(row[f"{column}_agreed"]), _number(row[f"{column}_measured"])
        if not abs(have - want) <= tolerance(want):
            differences.append(f"{column} is {have:g}, agreed {want:g} +- {tolerance(want):g}")
    return differences


def _number(value: float | None) -> float:
    """Unknown is not a number, and a number that became unknown is a difference."""
    return math.nan if value is None else float(value)
