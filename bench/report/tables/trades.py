"""One method against every other, in the terms of LC-Net's abstract: times fewer MACs, points more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.choices import CHALLENGER
from bench.report.entries import Entry, by_method
from bench.report.results import Group
from bench.report.tables import caption
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import Unit, number
from bench.statistics import Front


def trade_table(group: Group, unit: Unit, challenger: str = CHALLENGER) -> Table | None:
    """What ``challenger`` gains over each other method, at equal cost and at equal accuracy; None where it is not."""
    methods = by_method([entry for entry in group.entries if entry.valid])
    if challenger not in methods or len(methods) < 2:
        return None
    ours = _front(methods.pop(challenger) + ([group.dense] if group.dense else []))
    return Table(
        name=f"trades-{group.slug}",
        title=f"{group.name}: {challenger} against each rival",
        caption=f"{caption(group)} The operating points of {challenger} and the dense backbone are joined by straight "
        "lines; each operating point of a rival is held against them at the cost it has, from the least to the "
        f"greatest gain. Where the lines do not reach a rival's cost or accuracy, nothing is extrapolated ({UNKNOWN}). "
        "Seeds averaged.",
        columns=[
            Column("Rival", numeric=False),
            Column("Operating points"),
            Column(f"Points more at equal {unit.name}", f"Top-1 of {challenger} minus the rival's"),
            Column(f"Times fewer {unit.name} at equal top-1", f"{unit.name} of the rival over those of {challenger}"),
        ],
        rows=[_row(method, entries, ours) for method, entries in methods.items()],
    )


def _front(entries: Sequence[Entry]) -> Front:
    return Front([entry.known("macs_fraction") for entry in entries], [entry.top1.value for entry in entries])


def _row(method: str, entries: Sequence[Entry], ours: Front) -> list[Cell]:
    cost = np.array([entry.mean("macs_fraction") for entry in entries])
    top1 = np.array([entry.top1.value for entry in entries])
    points, times = ours.quality_at(cost) - top1, cost / ours.cost_of(top1)
    return [Cell(method), Cell(str(len(entries)), len(entries)), _range(points, "+"), _range(times, "")]


def _range(values: np.ndarray, sign: str) -> Cell:
    known = values[np.isfinite(values)]
    if not len(known):
        return Cell(UNKNOWN)
    low, high = (f"{value:{sign}.2f}" if sign else number(value) for value in (known.min(), known.max()))
    return Cell(low if low == high else f"{low} to {high}", float(known.max()))
