"""Whether numbers are still what was agreed: tables against tables, shipped networks against their records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.data import DataSet
from bench.errors import BadInput
from bench.outcome import measured
from bench.pretrained import load_pretrained, remeasure
from bench.records import Record, read_samples
from bench.soundness import require_same_data

KEY = ["method", "dataset", "backbone", "point", "seed"]
TYPES = dict.fromkeys(("method", "dataset", "backbone"), str) | {"seed": int}
TYPES |= dict.fromkeys(("point", "n_test", "top1", "macs_mean", "macs_backbone"), float)
"""Of the columns that are compared."""
SAME_POINT, NO_POINT = 1e-9, -1.0
ONE_SIDED = {"left_only": "agreed, but there is no record", "right_only": "a record that the agreed table lacks"}
TOP1_TOLERANCE = 0.05
"""Points of accuracy: another machine's rounding may move a few borderline images of 10,000."""
MACS_TOLERANCE = 1e-4
"""Relative: decisions at a threshold may move with rounding; static networks move by nothing."""
TIERS = {"fast": 500, "full": None}
"""Test images, from the first on, that each tier measures; None: all."""
ROUNDED_AWAY = 0.002
"""Share of images that may differ. On the machine that wrote the record none does; other processors and thread counts
sum in another order, and of some 300 gate scores per image about one in a million lies near enough to its threshold."""


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
        BadInput: it cannot be read, lacks a column that is compared, or holds two rows for one record.
    """
    try:
        frame = pd.read_csv(path)
        if missing := [column for column in TYPES if column not in frame]:
            raise BadInput(f"{path} is no table of records: column {missing[0]} is missing")
        frame = frame.astype(TYPES)
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    if _with_points_of(frame, frame).duplicated(KEY).any():
        raise BadInput(f"{path} holds two rows for one method, data set, backbone, point and seed")
    return frame


def compare_tables(agreed: pd.DataFrame, measured: pd.DataFrame) -> TableComparison:
    """Compares records, matched by ``KEY``; points match within ``SAME_POINT``.

    ``top1`` may differ by ``TOP1_TOLERANCE`` points, ``macs_mean`` relatively by ``MACS_TOLERANCE``; ``n_test`` and
    ``macs_backbone`` must be equal.
    """
    both = _with_points_of(agreed, agreed).merge(
        _with_points_of(measured.astype(TYPES), agreed),
        how="outer",
        on=KEY,
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


def _with_points_of(table: pd.DataFrame, agreed: pd.DataFrame) -> pd.DataFrame:
    """``table`` with every point that is within ``SAME_POINT`` of an agreed one written as that one."""
    # A missing point is NaN, which equals nothing: it gets a value that is no point.
    known = sorted(set(agreed["point"].fillna(NO_POINT)))
    points = table["point"].fillna(NO_POINT)
    return table.assign(
        point=[next((one for one in known if abs(one - point) <= SAME_POINT), point) for point in points]
    )


def _row_differences(row: dict) -> list[str]:
    allowed = {
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


def compare_network(folder: Path, record: Record, data: DataSet, tier: str) -> list[str]:
    """Measures a shipped network again; readable differences from what its folder says.

    Every image must have its recorded prediction and, to the last MAC, its recorded cost, but for a share of
    ``ROUNDED_AWAY``. The numbers in the record must be those of its images, within 0 (they are recomputed from the
    file); in the full tier the new accuracy must be within ``TOP1_TOLERANCE`` of it.
    """
    require_same_data(record, data)
    try:
        network = load_pretrained(folder, record, len(data.classes))
        kept = read_samples(folder)
    except BadInput as error:
        return [f"{folder.name}: {error}"]
    if len(kept) != len(data.test):
        return [f"{folder.name}: outcomes of {len(kept):,} images, where {len(data.test):,} are tested"]
    found = remeasure(network, data, TIERS[tier])
    said = _record_differences(record, kept) + _image_differences(kept.head(len(found)), found)
    if len(found) == len(kept) and abs(100 * found["correct"].mean() - record.top1) > TOP1_TOLERANCE:
        said.append(f"top-1 is {100 * found['correct'].mean():.2f}, recorded {record.top1:.2f} +- {TOP1_TOLERANCE}")
    return [f"{folder.name}: {text}" for text in said]


def _record_differences(record: Record, samples: pd.DataFrame) -> list[str]:
    """Numbers in the record that its own images do not give."""
    again = measured(samples, record.macs_backbone)
    return [
        f"{name} is {getattr(record, name)!r} in the record, but {value!r} by its images"
        for name, value in again.items()
        if not math.isclose(getattr(record, name), value, rel_tol=1e-9)
    ]


def _image_differences(kept: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    said = []
    for column in ("index", "label", "prediction", "macs", "gate_macs"):
        differ = kept[column].to_numpy() != found[column].to_numpy()
        allowed = 0 if column in ("index", "label") else int(ROUNDED_AWAY * len(found))
        if differ.sum() > allowed:
            first = int(found["index"].to_numpy()[differ.argmax()])
            said.append(f"{column} of {differ.sum()} of {len(found)} images differs, first of image {first}")
    return said


def _number(value: float | None) -> float:
    """Unknown is not a number, and a number that became unknown is a difference."""
    return math.nan if value is None else float(value)
