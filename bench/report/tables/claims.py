"""Claims beside what was measured here: paired by image."""

from __future__ import annotations

from bench.report.entries import Entry
from bench.report.results import Group
from bench.report.tables.comparisons import compare
from bench.report.tables.results import caption, name_cell
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import Unit, number, p_text, significant
from bench.statistics import paired_bootstrap
from bench.system.validation import is_of


def claim_table(group: Group, unit: Unit) -> Table | None:
    """Every claim against every valid entry that was measured here; None where nothing is claimed."""
    claims = [entry for entry in group.entries if entry.claimed]
    ours = [entry for entry in group.entries if entry.comparable]
    if not claims or not ours:
        return None
    return Table(
        name=f"claims-{group.slug}",
        title=f"{group.name}: claimed elsewhere, beside ours",
        caption=f"{caption(group)} Predictions and {unit.name} of the first column are somebody's claims; only what "
        "follows from them was computed here. Claim minus ours, paired by image, with 95 % intervals: of one seed by "
        "bootstrap over images, of several by the mixed model of seeds and images; that of the cost over images. p: "
        "McNemar's exact test, one seed of both only, not adjusted. Milliseconds were not taken here and compare with "
        "none of ours.",
        columns=[
            Column("Claimed", numeric=False),
            Column("Ours", numeric=False),
            Column("Δ top-1 (points)", "Claim minus ours, with its 95 % interval"),
            Column("Only it is right", "Images that only the claim gets right"),
            Column("Only ours", "Images that only ours gets right"),
            Column("p (McNemar)", "Exact binomial, two-sided"),
            Column(f"Δ {unit.name}/image (M)", "Claim minus ours, with its 95 % interval"),
            Column("Claimed ms p50", "As claimed, on a machine that is not known"),
        ],
        rows=[_row(claim, own, unit) for claim in claims for own in ours],
    )


def _row(claim: Entry, own: Entry, unit: Unit) -> list[Cell]:
    found = compare(claim, own)
    points, test = found.difference, found.test
    cost = paired_bootstrap(claim.macs_per_image, own.macs_per_image)
    millions = [unit.millions(value) for value in (cost.value, cost.low, cost.high)]
    value, low, high = ("+" * (one > 0) + significant(one) for one in millions)
    spread = "" if low == high else f" [{low}, {high}]"
    told = claim.record.details["claimed"].get("milliseconds_p50")
    ms = told if is_of(told, float) else None
    return [
        name_cell(claim),
        name_cell(own),
        Cell(f"{points.value:+.2f} [{points.low:+.2f}, {points.high:+.2f}]", points.value),
        Cell(f"{test.only_a:,}" if test else UNKNOWN, test.only_a if test else None),
        Cell(f"{test.only_b:,}" if test else UNKNOWN, test.only_b if test else None),
        Cell(p_text(test.p_value) if test else UNKNOWN, test.p_value if test else None),
        Cell(value + spread, cost.value),
        Cell(number(ms, 3), ms),
    ]
