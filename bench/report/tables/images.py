"""The time of single images beside their MACs, for the records that were timed."""

from __future__ import annotations

import numpy as np

from bench.report.entries import Entry
from bench.report.results import Group
from bench.report.tables import caption, name_cell, status_cell
from bench.report.tables.conditions import number_cell
from bench.report.tabular import Cell, Column, Table
from bench.statistics import spearman


def image_table(group: Group) -> Table | None:
    """How far the time of an image follows its MACs, and how slow the slowest are; None without raw times."""
    entries = [one for entries in group.timed.values() for one in entries if any(part.times for part in one.results)]
    if not entries:
        return None
    return Table(
        name=f"images-{group.slug}",
        title=f"{group.name}: the time of an image beside its MACs",
        caption=f"{caption(group)} Of each image that was timed, the median over rounds, one image at a time. "
        "Correlation: Spearman's, over images; a dash: all cost the same MACs. Slower than dense: than the dense "
        "backbone's median on the same image, in the same rounds. Seeds averaged; of the worst the worst.",
        columns=[
            Column("Method", numeric=False),
            Column("Images", "That were timed"),
            Column("Status", "INVALID: the times must not be trusted", numeric=False),
            Column("Median (ms)"),
            Column("p99 (ms)", "Over images"),
            Column("Worst (ms)", "Of all images"),
            Column("Worst, of the median"),
            Column("Dearest, of mean MACs", "MACs of the dearest of these images over their mean"),
            Column("Time and MACs", "Spearman correlation over images"),
            Column("Slower than dense (%)", "Share of images"),
        ],
        rows=[_row(entry) for entry in entries],
    )


def _row(entry: Entry) -> list[Cell]:
    known = [
        _of_seed(part.times.method, part.times.dense, part.samples["macs"]) for part in entry.results if part.times
    ]
    mean = {name: _mean([one[name] for one in known]) for name in known[0]}
    return [
        name_cell(entry),
        number_cell(mean["images"], 0),
        status_cell(entry),
        number_cell(mean["median"], 3),
        number_cell(mean["p99"], 3),
        number_cell(max(one["worst"] or 0.0 for one in known), 3),
        number_cell(mean["stretch"]),
        number_cell(mean["dearest"]),
        number_cell(mean["correlation"], signed=True),
        number_cell(mean["slower"], 1),
    ]


def _of_seed(method: np.ndarray, dense: np.ndarray, macs: np.ndarray) -> dict[str, float | None]:
    cost, median = np.asarray(macs)[: len(method)], float(np.median(method))
    return {
        "images": float(len(method)),
        "median": median,
        "p99": float(np.percentile(method, 99)),
        "worst": float(method.max()),
        "stretch": float(method.max()) / median,
        "dearest": float(cost.max() / cost.mean()),
        "correlation": spearman(method, cost),
        "slower": 100 * float((method > dense).mean()),
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
