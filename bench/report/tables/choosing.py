"""What choosing for each image brings: the table of networks that were held against controls."""

from __future__ import annotations

import numpy as np

from bench.report.entries import Entry
from bench.report.results import Group
from bench.report.tables import caption, name_cell
from bench.report.tabular import Cell, Column, Table
from bench.report.units import Unit, number


def choosing_table(group: Group, unit: Unit) -> Table | None:
    """Top-1 lost with decisions of other images, and by the static twin; None where no network has controls."""
    known = [entry for entry in group.entries if entry.record.shuffled_loss is not None]
    if not known:
        return None
    return Table(
        name=f"choosing-{group.slug}",
        title=f"{group.name}: what choosing for each image brings",
        caption=f"{caption(group)} Shuffled: each image gets the decisions of another one, at equal {unit.name}. "
        "Static twin: each gate is open for all images or for none, by its mean over training images; of networks "
        f"with several answers, all images stop at the one of the nearest {unit.name}. Neither was trained for its "
        "decisions: a small loss says that little is chosen, a large one may also be that weights do not fit. Seeds "
        "averaged.",
        columns=[
            Column("Method", numeric=False),
            Column("Top-1 (%)"),
            Column("Lost when shuffled (points)", "Top-1 minus that with the decisions of other images"),
            Column("p (McNemar)", "Of the shuffled loss: exact binomial, two-sided, the smallest of all seeds"),
            Column("Lost by the twin (points)", "Top-1 minus that of the static twin"),
            Column(f"{unit.name} of the twin", "As a fraction of the dense backbone's"),
            Column(unit.name, "Of the network itself, as a fraction of the dense backbone's"),
        ],
        rows=[_row(entry) for entry in known],
    )


def _row(entry: Entry) -> list[Cell]:
    records = [result.record for result in entry.results]

    def mean(values: list[float | None], digits: int = 2) -> Cell:
        given = [value for value in values if value is not None]
        found = float(np.mean(given)) if given else None
        return Cell(number(found, digits), found)

    p_values = [record.details.get("choosing", {}).get("shuffled", {}).get("p_value") for record in records]
    smallest = min((p for p in p_values if p is not None), default=None)
    return [
        name_cell(entry),
        mean([record.top1 for record in records]),
        mean([record.shuffled_loss for record in records]),
        Cell(number(smallest, 3), smallest),
        mean([record.twin_loss for record in records]),
        mean([record.twin_macs_fraction for record in records], 3),
        mean([record.macs_fraction for record in records], 3),
    ]
