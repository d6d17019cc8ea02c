"""The plots that answer: dynamic entries against the static front, and by how much they are above it."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.report.chart import Chart, names
from bench.report.entries import Entry
from bench.report.families import Family
from bench.report.styles import BAND, GREY, short, styles

Height = Callable[[Entry], tuple[float, float, float] | None]
"""Value of an entry with the ends of its interval; None where it has none."""


def front_plot(chart: Chart) -> Figure:
    """Accuracy against MACs: the static front as a band, dynamic methods over it."""
    figure, axes = _figure(chart, chart.top1_limits)
    _front(axes, chart)
    _methods(axes, chart, top1, chart.top1_limits)
    for node in (*chart.front.nodes, *(entry for entry in chart.other_static if entry.among)):
        place, last = (chart.cost(node), node.top1.value), node is chart.front.nodes[-1]
        if chart.cost_limits[0] <= place[0] <= chart.cost_limits[1] and chart.top1_limits[0] <= place[1]:
            text = axes.annotate(short(node.label), place, (-5 if last else 5, -10), textcoords="offset points")
            text.set(fontsize=7, color="#444444", ha="right" if last else "left")
    axes.set(title=chart.group.name, ylabel="Top-1 (%)")
    _explain(figure, axes, chart, "Shaded: static front with its 95 % intervals", chart.below)
    return figure


def difference_plot(chart: Chart) -> Figure | None:
    """Points of top-1 above the static front: the zero line is what a smaller network gives for the same MACs."""
    if not chart.differences:
        return None

    def height(entry: Entry) -> tuple[float, float, float] | None:
        found = chart.differences.get(entry)
        return (found.interval.value, found.interval.low, found.interval.high) if found else None

    figure, axes = _figure(chart, chart.difference_limits)
    axes.axhline(0, color="black", linewidth=1.2)
    _methods(axes, chart, height, chart.difference_limits)
    axes.set(title=f"{chart.group.name}: against the static front", ylabel="Top-1 above the static front (points)")
    _explain(figure, axes, chart, "Zero: a smaller static network of the same MACs. Bars: 95 %", chart.far_below)
    return figure


def family_plot(chart: Chart) -> Figure | None:
    """One small plot for each family: its methods in colour, all other dynamic entries grey."""
    families = chart.families
    if not families:
        return None
    columns = min(3, len(families))
    lines = -(-len(families) // columns)
    figure = Figure(figsize=(0.6 + 2.6 * columns, 0.5 + 2.2 * lines))
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for axes, family in zip(panels, families):
        _family(axes, chart, family)
    for axes in panels[len(families) :]:
        axes.remove()
    figure.suptitle(f"{chart.group.name}: family by family", fontsize=9)
    figure.supxlabel(f"{chart.unit.name} per image (M), gates included", fontsize=8)
    figure.supylabel("Top-1 (%)", fontsize=8)
    return figure


def top1(entry: Entry) -> tuple[float, float, float]:
    """An entry's accuracy in percent: mean, and both ends of its interval."""
    return entry.top1.value, entry.top1.low, entry.top1.high


def _figure(chart: Chart, limits: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.0, 4.6))
    axes = figure.subplots()
    axes.set(xlim=chart.cost_limits, ylim=limits, xlabel=f"{chart.unit.name} per image (M), gates included")
    return figure, axes


def _front(axes: Axes, chart: Chart) -> None:
    nodes = chart.front.nodes
    x = [chart.cost(node) for node in nodes]
    axes.fill_between(x, [n.top1.low for n in nodes], [n.top1.high for n in nodes], color=BAND, linewidth=0, zorder=0)
    axes.plot(x, [node.top1.value for node in nodes], "-o", color="black", markersize=4, linewidth=1, zorder=2)


def _methods(axes: Axes, chart: Chart, height: Height, limits: tuple[float, float]) -> None:
    look, anchors = styles(chart.groups), {}
    for entry in (*chart.others, *(chart.other_static if height is top1 else ())):
        if found := height(entry):
            marker = look[entry.record.method][1]
            axes.plot(chart.cost(entry), found[0], marker, color=GREY, markersize=5, zorder=1)
    for method, entries in chart.shown.items():
        drawn = [(entry, found) for entry in entries if (found := height(entry))]
        if not drawn:
            continue
        colour, marker, _ = look[method]
        x, y = [chart.cost(entry) for entry, _ in drawn], [found[0] for _, found in drawn]
        error = [[found[0] - found[1] for _, found in drawn], [found[2] - found[0] for _, found in drawn]]
        axes.errorbar(x, y, error, fmt="none", ecolor=colour, elinewidth=0.8, alpha=0.6)
        axes.plot(x, y, "-", marker=marker, color=colour, linewidth=1, markersize=7, zorder=3, label=method)
        anchors[method] = (x[-1], y[-1])
    _labels(axes, chart, {name: place for name, place in anchors.items() if place[1] >= limits[0]}, limits)


def _labels(axes: Axes, chart: Chart, anchors: dict[str, tuple[float, float]], limits: tuple[float, float]) -> None:
    look, right = styles(chart.groups), chart.cost_limits[1]
    for method, slot in chart.slots({name: y for name, (_, y) in anchors.items()}, limits).items():
        colour, (x, y) = look[method][0], anchors[method]
        axes.plot([x, right], [y, slot], color=colour, linewidth=0.5, alpha=0.6, zorder=1)
        axes.annotate(f" {short(method)}", (right, slot), color=colour, fontsize=8, va="center", annotation_clip=False)


def _family(axes: Axes, chart: Chart, family: Family) -> None:
    _front(axes, chart)
    look = styles(chart.groups)
    for entry in chart.dynamic:
        if entry.family != family:
            axes.plot(chart.cost(entry), entry.top1.value, ".", color=GREY, markersize=4, zorder=1)
    methods = {entry.record.method: None for entry in chart.dynamic if entry.family == family}
    for method in methods:
        own = sorted((e for e in chart.dynamic if e.record.method == method), key=chart.cost)
        _, marker, line = look[method]
        x, y = [chart.cost(e) for e in own], [e.top1.value for e in own]
        axes.plot(x, y, linestyle=line, marker=marker, color=family.colour, markersize=6, linewidth=1)
        axes.annotate(short(method), (x[-1], y[-1]), (4, 4), textcoords="offset points", fontsize=6)
    axes.set_title(family.name, fontsize=8, color=family.colour)
    axes.set(xlim=chart.cost_limits, ylim=chart.top1_limits)


def _explain(figure: Figure, axes: Axes, chart: Chart, text: str, left_out: list[Entry]) -> None:
    handles = [
        Line2D([], [], color=family.colour, marker=family.markers[0], linestyle="", label=family.name)
        for family in chart.families
    ]
    handles.append(Line2D([], [], color=GREY, marker="o", linestyle="", label="others"))
    axes.legend(handles=handles, fontsize=7, loc="lower right", framealpha=0.9)
    more = f". Below the picture: {names(left_out)}" if left_out else ""
    figure.supxlabel(f"{text}{more}.", fontsize=6, color="#555555", wrap=True)
