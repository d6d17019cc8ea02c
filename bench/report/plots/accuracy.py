"""Print-quality plots, readable without colour: every method has a marker, a line and a grey of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.results import Entry, Group, by_method
from bench.report.tables import front_marks
from bench.report.units import Unit

# Okabe and Ito's colours: the colour-blind can tell them apart. Markers and lines do so in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#8A7F00")
MARKERS = "sD^vPX*<>p"
LINES = ("--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
STATIC = {"dense": ("#000000", "o", "-"), "slim": ("#777777", "o", "-"), "shallow": ("#777777", "h", "-")}
RC = {
    "font.size": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "bench",
    "text.parse_math": False,
    "figure.constrained_layout.use": True,
}
LONGEST = 32
"""Letters of a name."""
Style = tuple[str, str, object]
Measure = Callable[[Entry], float | None]


def styles(groups: Sequence[Group]) -> dict[str, Style]:
    """Colour, marker and line of each method, the same in every plot of a report."""
    names = sorted({entry.record.method for group in groups for entry in group.entries if not entry.is_static})
    return {
        name: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], LINES[i % len(LINES)])
        for i, name in enumerate(names)
    } | STATIC


def plain_resnets(group: Group, groups: Sequence[Group]) -> list[Entry]:
    """The valid static networks of all backbones on the group's data: what dynamic ones have to beat."""
    same = [other for other in groups if other.dataset == group.dataset]
    return [entry for other in same for entry in other.entries if entry.is_static and entry.record.valid]


def short(name: str) -> str:
    """A name that leaves room for the plot."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def save(figure: Figure, out: Path, name: str) -> list[Path]:
    """Writes ``figure`` as SVG and PNG, the same bytes each time."""
    paths = [out / f"{name}.{kind}" for kind in ("svg", "png")]
    figure.get_layout_engine().execute(figure)
    figure.set_layout_engine("none")  # Laid out once, not again for every draw: that takes most of the time.
    figure.savefig(paths[0], metadata={"Date": None})
    figure.savefig(paths[1], dpi=160)
    return paths


def macs_plot(group: Group, groups: Sequence[Group], unit: Unit) -> Figure:
    """Accuracy against MACs."""

    def cost(entry: Entry) -> float:
        return unit.millions(entry.macs.value)

    return _pareto(group, groups, cost, f"{unit.name} per image (M), gates included")


def latency_plot(group: Group, groups: Sequence[Group]) -> Figure | None:
    """Accuracy against milliseconds, timed entries only; None where there are none."""

    def latency(entry: Entry) -> float | None:
        own = entry.mean("latency_ms_p50")
        return dense if own is None and entry is group.dense else own

    # A dense record need not be timed itself: every timed method was timed beside it.
    beside = [entry.mean("dense_latency_ms_p50") for entry in group.entries]
    dense = next((value for value in beside if value is not None), None)
    if all(entry.mean("latency_ms_p50") is None for entry in group.entries):
        return None
    return _pareto(group, groups, latency, "Latency of one image, median (ms)")


def speedup_plot(group: Group, groups: Sequence[Group]) -> Figure | None:
    """Measured against theoretical speed-up, in one executor: on the line, saved MACs are saved time."""
    timed = [entry for entry in group.entries if entry.mean("skipping_speedup_latency") is not None]
    if not timed:
        return None
    figure, axes = _figure(group.name)
    look = styles(groups)
    for method, entries in by_method(timed).items():
        x = [entry.mean("speedup_theoretical") for entry in entries]
        y = [entry.mean("skipping_speedup_latency") for entry in entries]
        _points(axes, entries, x, y, look[method], {})
    top = 1.08 * max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([0, top], [0, top], color="#888888", linewidth=1, label="time saved = MACs saved")
    axes.axhline(1, color="#888888", linewidth=1, linestyle=":")
    measured = "Measured speed-up (latency, same executor)"
    axes.set(xlim=(0, top), ylim=(0, top), xlabel="Theoretical speed-up (MACs)", ylabel=measured)
    _legend(axes)
    return figure


def _pareto(group: Group, groups: Sequence[Group], cost: Measure, label: str) -> Figure:
    figure, axes = _figure(group.name)
    own = [entry for entry in group.entries if cost(entry) is not None]
    look, marks = styles(groups), front_marks(own, cost)
    for method, entries in by_method(own).items():
        x, y = [cost(entry) for entry in entries], [entry.top1.value for entry in entries]
        error = [
            [entry.top1.value - entry.top1.low for entry in entries],
            [entry.top1.high - entry.top1.value for entry in entries],
        ]
        axes.errorbar(x, y, error, fmt="none", ecolor=look[method][0], elinewidth=0.7, alpha=0.5)
        _points(axes, entries, x, y, look[method], marks)
    limits = axes.get_xlim()
    # Other depths may lie far away: their line leads out of the picture instead of squeezing it.
    static = sorted((entry for entry in plain_resnets(group, groups) if cost(entry) is not None), key=cost)
    costs = [cost(entry) for entry in static]
    axes.plot(costs, [entry.top1.value for entry in static], "-", color="#999999", zorder=1, label="plain ResNets")
    axes.set(xlim=limits, xlabel=label, ylabel="Top-1 (%)")
    _legend(axes)
    return figure


def _figure(title: str, width: float = 6.4, height: float = 4.2) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height))
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes


def _points(
    axes: Axes, entries: Sequence[Entry], x: Sequence[float], y: Sequence[float], style: Style, marks: dict[Entry, str]
) -> None:
    """A method's operating points: filled on the front, hollow where dominated, crossed out where invalid."""
    colour, marker, line = style
    axes.plot(x, y, linestyle=line, color=colour, linewidth=1, marker=marker, label=short(entries[0].record.method))
    for entry, cost, quality in zip(entries, x, y):
        if marks.get(entry) == "dominated":
            axes.plot(cost, quality, marker, color=colour, markerfacecolor="white")
        if not entry.record.valid:
            axes.plot(cost, quality, "x", color="black", markersize=10)


def _legend(axes: Axes) -> None:
    axes.plot([], [], "x", color="black", label="INVALID")
    axes.plot([], [], "o", color="#666666", markerfacecolor="white", label="hollow: dominated")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
