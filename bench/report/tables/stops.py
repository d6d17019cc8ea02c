"""Where images stop: the table of networks with several answers."""

from __future__ import annotations

import numpy as np

from bench.report.entries import Entry
from bench.report.results import Group
from bench.report.tables import caption, name_cell
from bench.report.tabular import Cell, Column, Table
from bench.report.units import Unit, number, significant


def stop_table(group: Group, unit: Unit) -> Table | None:
    """Early exits and cascades: who stops where, how well scores rank, what chance would give; None without any."""
    stopping = [entry for entry in group.entries if entry.record.details.get("stopping")]
    if not stopping:
        return None
    return Table(
        name=f"stops-{group.slug}",
        title=f"{group.name}: where images stop",
        caption=f"{caption(group)} One number for each answer, the first to the last; of a cascade, for each network. "
        "AUROC: the chance that a right answer has a higher score than a wrong one, over all test images; the last "
        "answer needs none. By chance: as many images stop at each answer, drawn at random. Seeds averaged.",
        columns=[
            Column("Method", numeric=False),
            Column("Stop there (%)", "Share of test images"),
            Column("Top-1 of these (%)", "Accuracy on the images that stop at each answer"),
            Column("Top-1 of all (%)", "Accuracy on all test images had each of them stopped there"),
            Column("AUROC", "Area under the ROC curve of each score, right against wrong answers"),
            Column("Top-1 (%)"),
            Column("By chance (%)", f"Expected top-1 had chance chosen who stops where, at equal {unit.name}"),
            Column("Worst case", f"{unit.name} of the dearest test image as a fraction of the dense backbone's"),
            Column("Params (M)", "Parameters of each network"),
        ],
        rows=[_row(entry) for entry in stopping],
    )


def _row(entry: Entry) -> list[Cell]:
    known = [result.record.details["stopping"] for result in entry.results]
    chance = float(np.mean([one["random_control"]["top1"] for one in known]))
    worst = max(one["worst_case_macs_fraction"] for one in known)

    def each(name: str, factor: float = 1.0, digits: int = 1) -> Cell:
        return Cell(" / ".join(number(value, digits) for value in _means(known, name, factor)))

    parameters = [significant(value / 1e6, 3) for value in known[0]["parameters"]]
    return [
        name_cell(entry),
        each("share", 100),
        each("top1_of_those"),
        each("top1_of_all"),
        each("auroc", digits=3),
        Cell(number(entry.top1.value), entry.top1.value),
        Cell(number(chance), chance),
        Cell(number(worst, 3), worst),
        Cell(" + ".join(parameters), sum(known[0]["parameters"])),
    ]


def _means(known: list[dict], name: str, factor: float) -> list[float | None]:
    """Over seeds, one value for each answer; seeds that have another number of answers are left out."""
    answers = [one["answers"] for one in known if len(one["answers"]) == len(known[0]["answers"])]
    values = [[answer[name] for answer in position] for position in zip(*answers)]
    return [None if None in some else factor * float(np.mean(some)) for some in values]
