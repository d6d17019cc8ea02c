"""Networks of all backbones on the same images, by what they cost: what an engineer would take instead."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.entries import Entry, note
from bench.report.results import Group
from bench.report.styles import entries_beside
from bench.report.tables.results import best, caption, front_marks, mean_macs
from bench.report.tabular import Cell, Column, Table
from bench.report.units import Unit, interval, number, significant


def backbone_table(group: Group, groups: Sequence[Group], unit: Unit) -> Table | None:
    """All comparable entries on the group's data, the cheapest first; None where there is no other backbone."""
    entries = sorted((entry for entry in entries_beside(group, groups) if entry.comparable), key=mean_macs)
    others = [entry for entry in entries if entry.among]
    if not others:
        return None
    marks, highest = front_marks(entries, mean_macs), best(entries, lambda entry: entry.top1.value, max)
    return Table(
        name=f"backbones-{group.slug}",
        title=f"{group.name}: beside other backbones",
        caption=f"{caption(group)} Valid entries measured here, by {unit.name}. Trainings and starts may differ, and "
        "weights that saw other images are an advantage: see the notes. Pareto: whether no other of these entries has "
        f"as much accuracy for as few {unit.name}.",
        columns=[
            Column("Backbone", numeric=False),
            Column("Method", numeric=False),
            Column(f"{unit.name}/image (M)", f"Mean {unit.name} over test images, gates included"),
            Column("Top-1 (%)", "Accuracy on the test images, with its 95 % interval"),
            Column("Params (M)", "Parameters, gates included"),
            Column("Epochs", "Of each stage of its training", numeric=False),
            Column("Pareto", numeric=False),
        ],
        rows=[_row(entry, group, unit, entry in highest, marks[entry]) for entry in entries],
        notes=[f"{entry.label} - start: {note(entry.record.details, 'start') or 'not known'}" for entry in others],
    )


def _row(entry: Entry, group: Group, unit: Unit, is_best: bool, mark: str) -> list[Cell]:
    params, record = entry.mean("params"), entry.record
    point = "" if record.point is None else f" {record.point:g}"
    return [
        Cell(entry.among or group.backbone),
        Cell(f"{record.method}{point}"),
        Cell(significant(unit.millions(entry.macs.value)), entry.macs.value),
        Cell(interval(entry.top1, len(entry.results), number), entry.top1.value, is_best),
        Cell(number(None if params is None else params / 1e6, 3), params),
        Cell(record.stage_epochs or "none"),
        Cell(mark),
    ]
