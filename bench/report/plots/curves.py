"""The plot of trained networks at other budgets."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.records.curves import ANYTIME, BUDGETED
from bench.report.entries import Entry, Result
from bench.report.plots.accuracy import RC
from bench.report.results import Group
from bench.report.styles import short, styles
from bench.report.tables.curves import of_test_images
from bench.report.units import Unit

LINES = {BUDGETED: "-", ANYTIME: ":"}


def curve_plot(group: Group, groups: Sequence[Group], unit: Unit) -> Figure | None:
    """Test accuracy against cost of one training at many budgets; None where ``bench curve`` was not run."""
    known = [(entry, result) for entry in group.entries for result in entry.results if result.curve is not None]
    if not known:
        return None
    look = styles(groups)
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(6.4, 4.2))
        axes = figure.subplots()
        for entry, result in known:
            _draw(axes, entry, result, look[entry.record.method][0])
        if group.dense is not None:
            axes.axhline(group.dense.top1.value, color="#000000", linewidth=0.8, linestyle="--", label="dense")
        axes.set(xlabel=f"{unit.name} (fraction of {group.backbone})", ylabel="Test top-1 (%)")
        axes.set_title(f"{group.name}: one training, other budgets", fontsize=9)
        axes.legend(fontsize=7, loc="lower right")
    return figure


def _draw(axes: Axes, entry: Entry, result: Result, colour: str) -> None:
    assert result.curve is not None
    for protocol, line in LINES.items():
        rows = of_test_images(result.curve, protocol)
        if len(rows):
            label = f"{short(entry.label)}, seed {result.record.seed}: {protocol}"
            axes.plot(rows["macs_fraction"], rows["top1"], line, marker=".", markersize=4, color=colour, label=label)
    axes.plot(result.record.macs_fraction, result.record.top1, "o", color=colour, markerfacecolor="white")
