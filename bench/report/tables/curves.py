"""The table of trained networks at other budgets."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from bench.records.curves import ANYTIME, BUDGETED
from bench.report.entries import Entry, Result
from bench.report.results import Group
from bench.report.tables import name_cell
from bench.report.tabular import Cell, Column, Table
from bench.report.units import Unit, number

STEP = 0.1
"""Of the budgets shown; the plot and ``curve.csv`` have all."""
NAMES = {ANYTIME: "anytime", BUDGETED: "budgeted"}


def curve_table(group: Group, unit: Unit) -> Table | None:
    """What ``bench curve`` found about the group's networks; None where it was not run."""
    rows = [row for entry in group.entries for result in entry.results for row in _rows(entry, result)]
    if not rows:
        return None
    return Table(
        name=f"curves-{group.slug}",
        title=f"{group.name}: one training, other budgets",
        caption="Anytime: every image takes the same answer. Budgeted: thresholds are chosen on validation images "
        f"for a budget, a fraction of the dense backbone's {unit.name}. Both on test images; nothing is trained anew. "
        "Gates have a line only for a budget that changes their setting; curve.csv has all steps.",
        columns=[
            Column("Method", numeric=False),
            Column("Seed"),
            Column("Protocol", numeric=False),
            Column("Answer or budget", "Number of the answer, or fraction that was asked for"),
            Column("Top-1 (%)"),
            Column("Frac.", f"{unit.name} as a fraction of the dense backbone's"),
        ],
        rows=rows,
    )


def of_test_images(curve: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """The curve's rows about test images, by rising cost."""
    return curve[(curve["split"] == "test") & (curve["protocol"] == protocol)].sort_values("macs_fraction")


def _rows(entry: Entry, result: Result) -> Iterator[list[Cell]]:
    if result.curve is None:
        return
    for protocol, setting in ((ANYTIME, "answer"), (BUDGETED, "budget")):
        for row in of_test_images(result.curve, protocol).to_dict("records"):
            if protocol == ANYTIME or abs(row[setting] / STEP - round(row[setting] / STEP)) < 1e-6:
                yield _row(entry, result, protocol, row | {"setting": row[setting]})


def _row(entry: Entry, result: Result, protocol: str, row: dict) -> list[Cell]:
    seed = result.record.seed
    return [
        name_cell(entry),
        Cell(str(seed), seed),
        Cell(NAMES[protocol]),
        Cell(f"{row['setting']:g}", row["setting"]),
        Cell(number(row["top1"]), row["top1"]),
        Cell(number(row["macs_fraction"], 3), row["macs_fraction"]),
    ]
