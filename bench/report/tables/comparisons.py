"""Tables that set entries against each other: paired tests, fronts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose

import numpy as np

from bench.errors import BadInput
from bench.records.points import POINT_TOLERANCE, point_tolerance
from bench.report.entries import Entry, by_method
from bench.report.results import Group
from bench.report.tables import caption, name_cell, status_cell
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import Unit, number, p_text
from bench.statistics import Interval, McNemar, adjust, difference_interval, hypervolume, mcnemar

REFERENCE_DROP = 10.0
"""Percentage points below the dense backbone: the worst accuracy that still counts for the hypervolume."""


@dataclass(frozen=True)
class Comparison:
    """Two entries on the same images.

    Attributes:
        seeds: whose results were compared.
        difference: top-1 of ``a`` minus top-1 of ``b``, in percentage points, over images, and over seeds where there
            are several.
        test: McNemar's, of a single seed of both; of several only the interval speaks.
    """

    a: Entry
    b: Entry
    images: int
    seeds: str
    difference: Interval
    test: McNemar | None


def compare(a: Entry, b: Entry) -> Comparison:
    """Paired comparison of two entries' accuracy: on the seeds that both have, which began alike, or else on all.

    Raises:
        BadInput: they were not measured on the same images.
    """
    if not np.array_equal(a.images, b.images):
        raise BadInput(f"{a.label} and {b.label} were not measured on the same images")
    shared = sorted(set(a.seeds) & set(b.seeds))
    x, y = (entry.by_seed("correct", shared or None) for entry in (a, b))
    return Comparison(
        a,
        b,
        len(a.images),
        f"{len(shared)} of both" if shared else f"{len(x)} and {len(y)}, none of both",
        difference_interval(x, y, paired=bool(shared)),
        mcnemar(x[0], y[0]) if len(x) == len(y) == 1 else None,
    )


def comparison_table(group: Group) -> Table | None:
    """Every entry against the dense backbone, and against the most accurate one at its operating point and cost."""
    found = [compare(a, b) for a, b in _pairs(group)]
    if not found:
        return None
    tested = [one for one in found if one.test]
    adjusted = dict(zip(map(id, tested), adjust([one.test.p_value for one in tested if one.test])))

    def row(one: Comparison) -> list[Cell]:
        difference, test = one.difference, one.test
        q = adjusted.get(id(one))
        return [
            name_cell(one.a),
            name_cell(one.b),
            Cell(one.seeds),
            Cell(f"{difference.value:+.2f} [{difference.low:+.2f}, {difference.high:+.2f}]", difference.value),
            Cell(f"{test.only_a:,}" if test else UNKNOWN, test.only_a if test else None),
            Cell(f"{test.only_b:,}" if test else UNKNOWN, test.only_b if test else None),
            Cell(p_text(test.p_value) if test else UNKNOWN, test.p_value if test else None),
            Cell(UNKNOWN if q is None else p_text(q), q),
            status_cell(one.a),
        ]

    return Table(
        name=f"comparisons-{group.slug}",
        title=f"{group.name}: paired comparisons of top-1",
        caption=f"{caption(group)} Each entry against the dense backbone, and against the most accurate valid entry of "
        "its operating point, where both met it or cost as much as each other; on the same images, and on the seeds "
        "that both have. Difference: 95 % interval, of one seed by paired bootstrap over images, of several by the "
        "mixed model of seeds and images. p: McNemar's exact test, one seed of both only; adjusted for the number of "
        "tests in this table after Benjamini and Hochberg.",
        columns=[
            Column("Method", numeric=False),
            Column("Against", numeric=False),
            Column("Seeds", "That were compared: those that both have, or else all", numeric=False),
            Column("Δ top-1 (points)", "With its 95 % interval over images, and over seeds where there are several"),
            Column("Only it is right", "Images that only the method gets right"),
            Column("Only the other", "Images that only the other gets right"),
            Column("p (McNemar)", "Exact binomial, two-sided"),
            Column("p adjusted", "Benjamini and Hochberg"),
            Column("Status", numeric=False),
        ],
        rows=[row(one) for one in found],
    )


def front_table(group: Group, unit: Unit) -> Table | None:
    """How much of the accuracy/cost plane each method's operating points dominate; needs the dense backbone."""
    if group.dense is None:
        return None
    floor = group.dense.top1.value - REFERENCE_DROP
    volumes = [(method, *_volume(entries, floor)) for method, entries in by_method(group.entries).items()]
    volumes = [found for found in volumes if found[1]]
    best = max((volume for _, _, volume in volumes), default=None)
    return Table(
        name=f"front-{group.slug}",
        title=f"{group.name}: hypervolume",
        caption=f"{caption(group)} Area that a method's valid operating points dominate, each at the cost it has, in "
        f"the plane of top-1 (points) and mean {unit.name} (fraction of the dense backbone's). Reference point: "
        f"fraction 1, top-1 {floor:.2f} % ({REFERENCE_DROP:g} points below the measured dense backbone). Best in bold.",
        columns=[Column("Method", numeric=False), Column("Operating points"), Column("Hypervolume (points)")],
        rows=[
            [Cell(method), Cell(str(count), count), Cell(number(volume, 3), volume, volume == best)]
            for method, count, volume in volumes
        ],
    )


def _pairs(group: Group) -> list[tuple[Entry, Entry]]:
    pairs = []
    for entry in group.entries:
        if entry.record.method == "dense" or entry.claimed:  # claims have a table of their own
            continue
        if group.dense is not None:
            pairs.append((entry, group.dense))
        rivals = [other for other in group.entries if other.comparable and _costs_alike(entry, other)]
        best = max(rivals, key=lambda other: other.top1.value, default=entry)
        if best not in (entry, group.dense):
            pairs.append((entry, best))
    return pairs


def _costs_alike(a: Entry, b: Entry) -> bool:
    """Whether two entries were asked for one operating point and met it, or cost as much as each other."""
    points = a.record.point, b.record.point
    distance = abs(a.known("macs_fraction") - b.known("macs_fraction"))
    if points[0] is None or points[1] is None:
        return points[0] == points[1] and distance <= POINT_TOLERANCE
    met = not (a.missed or b.missed)
    return isclose(points[0], points[1], abs_tol=1e-9) and (met or distance <= point_tolerance(points[0]))


def _volume(entries: Sequence[Entry], floor: float) -> tuple[int, float]:
    valid = [entry for entry in entries if entry.comparable]
    fractions = [entry.known("macs_fraction") for entry in valid]
    return len(valid), hypervolume(fractions, [entry.top1.value for entry in valid], (1.0, floor)) if valid else 0.0
