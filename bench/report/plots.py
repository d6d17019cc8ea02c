"""Print-quality plots, readable without colour: every method has its own marker and line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from bench.report.results import Entry, Group
from bench.report.tables import front_marks
from bench.report.units import Unit

# Okabe and Ito's colours, which the colour-blind can tell apart, darkest and lightest far apart in grey.
COLOURS = ("#000000", "#E69F00", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#8A7F00")
MARKERS = "osD^vPX*<>hp"
LINES = ("-", "--", "-.", ":")


def pareto_plot(group: Group, groups: Sequence[Group], unit: Unit, out: Path) -> list[Path]:
    """Accuracy against MACs; dominated entries are hollow, invalid ones crossed out."""
    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    marks = front_marks(group.entries)
    for index, (method, entries) in enumerate(by_method(group.entries).items()):
        colour, marker = COLOURS[index % len(COLOURS)], MARKERS[index % len(MARKERS)]
        x = [unit.millions(entry.macs.value) for entry in entries]
        y = [entry.top1.value for entry in entries]
        axes.plot(x, y, LINES[index % len(LINES)], color=colour, linewidth=1, label=method)
        for entry, cost, top1 in zip(entries, x, y):
            fill = colour if marks[entry] == "front" else "white"
            axes.plot(cost, top1, marker if entry.record.valid else "x", color=colour, markerfacecolor=fill)
    axes.set(xlabel=f"{unit.name} per image (M)", ylabel="Top-1 (%)", title=group.name)
    axes.legend(fontsize=8)
    paths = [out / f"pareto-{group.slug}.{kind}" for kind in ("svg", "png")]
    for path in paths:
        figure.savefig(path, dpi=200)
    pyplot.close(figure)
    return paths


def by_method(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Entries of each method, in their order."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.record.method, []).append(entry)
    return found
