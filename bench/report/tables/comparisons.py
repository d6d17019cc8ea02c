"""Tables that set entries against each other: paired tests, fronts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import BadInput
from bench.report.results import Entry, Group, by_method
from bench.report.tables import caption, name_cell, status_cell
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import Unit, number, p_text
from bench.statistics import Interval, McNemar, adjust, hypervolume, mcnemar, paired_bootstrap

REFERENCE_DROP = 10.0
"""Percentage points below the dense backbone: the worst accuracy that still counts for the hypervolume."""


@dataclass(frozen=True)
class Comparison:
    """Two entries on the same images.

    Attributes:
        difference: top-1 of ``a`` minus top-1 of ``b``, in percentage points, bootstrapped over images.
        test: McNemar's, where both have a single seed; of several seeds only the interval speaks.
    """

    a: Entry
    b: Entry
    images: int
    difference: Interval
    test: McNemar | None


def compare(a: Entry, b: Entry) -> Comparison:
    """Paired comparison of two entries' accuracy.

    Raises:
        BadInput: they were not measured on the same images.
    """
    if not a.correct.index.equals(b.correct.index):
        raise BadInput(f"{a.label} and {b.label} were not measured on the same images")
    both_single = len(a.results) == len(b.results) == 1
    return Comparison(
        a,
        b,
        len(a.correct),
        paired_bootstrap(100 * a.correct, 100 * b.correct),
        mcnemar(a.correct, b.correct) if both_single else None,
    )


def comparison_table(group: Group) -> Table | None:
    """Every entry against the dense backbone, and against the most accurate one at its operating point."""
    found = [compare(a, b) for a, b in _pairs(group)]
    if not found:
        return None
    tested = [one for one in found if one.test]
    adjusted = dict(zip(map(id, tested), adjust([one.test.p_value for one in tested])))

    def row(one: Comparison) -> list[Cell]:
        difference, test = one.difference, one.test
        q = adjusted.get(id(one))
        return [
            name_cell(one.a),
            name_cell(one.b),
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
        caption=f"{caption(group)} Each entry against the dense backbone, and against the most accurate valid entry at "
        "its operating point, on the same images. Difference: 95 % paired bootstrap interval over images. p: McNemar's "
        "exact test, single seeds only; adjusted for the number of tests in this table after Benjamini and Hochberg.",
        columns=[
            Column("Method", numeric=False),
            Column("Against", numeric=False),
            Column("Δ top-1 (points)", "Paired bootstrap, 95 %"),
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
        caption=f"{caption(group)} Area that a method's valid operating points dominate in the plane of top-1 (points) "
        f"and mean {unit.name} (fraction of the dense backbone's). Reference point: fraction 1, top-1 {floor:.2f} % "
        f"({REFERENCE_DROP:g} points below the measured dense backbone). Best in bold.",
        columns=[Column("Method", numeric=False), Column("Operating points"), Column("Hypervolume (points)")],
        rows=[
            [Cell(method), Cell(str(count), count), Cell(number(volume, 3), volume, volume == best)]
            for method, count, volume in volumes
        ],
    )


def _pairs(group: Group) -> list[tuple[Entry, Entry]]:
    pairs = []
    for entry in group.entries:
        if entry.record.method == "dense":
            continue
        if group.dense is not None:
            pairs.append((entry, group.dense))
        rivals = [other for other in group.entries if other.record.valid and other.record.point == entry.record.point]
        best = max(rivals, key=lambda other: other.top1.value, default=entry)
        if best not in (entry, group.dense):
            pairs.append((entry, best))
    return pairs


def _volume(entries: Sequence[Entry], floor: float) -> tuple[int, float]:
    valid = [entry for entry in entries if entry.record.valid]
    fractions = [entry.mean("macs_fraction") for entry in valid]
    return len(valid), hypervolume(fractions, [entry.top1.value for entry in valid], (1.0, floor)) if valid else 0.0
