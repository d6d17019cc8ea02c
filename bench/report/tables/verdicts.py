"""The verdict as a small table: one line for each budget."""

from __future__ import annotations

from bench.report.entries import Entry
from bench.report.tables.results import caption
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import Unit, number, significant
from bench.report.verdict import ALONE, Finding, Verdict, points, time_text


def verdict_table(verdict: Verdict, unit: Unit) -> Table | None:
    """The best dynamic and the best static entry at each budget; None where nothing is dynamic."""
    if not verdict.findings:
        return None
    group = verdict.group
    return Table(
        name=f"verdict-{group.slug}",
        title=f"{group.name}: does it pay?",
        caption=f"{caption(group)} Budget: fraction of the dense backbone's MACs, within the tolerance of an operating "
        "point. Best: the most accurate valid entry that does not cost more. Time of one image alone, taken at "
        "different times: compare the ratios (x dense: times as fast as the dense backbone in the same executor), not "
        "the milliseconds. Difference: the "
        "dynamic entry minus the static front at the same MACs, paired by image and by seed, with its 95 % interval. "
        "The front joins the best static networks by straight lines: sending each image to one of two by a coin "
        "reaches every point of them. Both sides were picked by the test accuracy shown, which the intervals leave "
        "out: the more candidates, the more a small gain may be chance. Trainings may differ: see the notes.",
        columns=[
            Column("Budget"),
            Column("Best dynamic", "Of so many dynamic entries within the budget", numeric=False),
            Column("Best static", "The most accurate static entry within the budget", numeric=False),
            Column("Difference at equal MACs (points)", "Against the static front, with its 95 % interval"),
            Column("So", "Whether the interval holds zero", numeric=False),
        ],
        notes=_trainings(verdict),
        rows=[_row(one, unit, group.results[0].record.macs_backbone) for one in verdict.findings],
    )


def _trainings(verdict: Verdict) -> list[str]:
    """How long each network that stands in the table or made its front was trained."""
    found: dict[str, list[str]] = {}
    for one in verdict.findings:
        entries = [one.dynamic, one.static, *(one.difference.against if one.difference else ())]
        for entry in (entry for entry in entries if entry):
            found.setdefault(entry.record.stage_epochs or "none", []).append(entry.label)
    return [f"{', '.join(dict.fromkeys(labels))} - epochs: {epochs}" for epochs, labels in found.items()]


def _row(one: Finding, unit: Unit, whole: float) -> list[Cell]:
    difference = one.difference
    return [
        Cell(f"{one.budget:g}", one.budget),
        Cell(f"{_told(one.dynamic, unit, whole)}; best of {one.candidates}", one.dynamic.top1.value),
        Cell(_told(one.static, unit, whole), one.static.top1.value) if one.static else Cell(UNKNOWN),
        Cell(f"{points(difference.interval)} (n={difference.seeds})", difference.interval.value)
        if difference
        else Cell(UNKNOWN),
        Cell(one.outcome if one.outcome == ALONE else f"dynamic: {one.outcome}"),
    ]


def _told(entry: Entry, unit: Unit, whole: float) -> str:
    cost = f"{significant(unit.millions(entry.macs.value), 3)} M {unit.name} ({number(entry.macs.value / whole, 3)})"
    return f"{entry.label}: {number(entry.top1.value)} %, {cost}, {time_text(entry)}"
