"""Print-quality plots of accuracy and speed-up."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.entries import Entry, by_method, timing_machine
from bench.report.results import Group
from bench.report.styles import Style, short, styles
from bench.report.tables import front_marks
from bench.system.files import write_atomically

RC: dict[Any, Any] = {
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
Measure = Callable[[Entry], float]


def save(figure: Figure, out: Path, name: str, kinds: Sequence[str]) -> list[Path]:
    """Writes ``figure`` as files of ``kinds`` (``svg``, ``png``, ``pdf``), the same bytes each time.

    Raises:
        BadInput: a file that cannot be written.
    """
    paths = [out / f"{name}.{kind}" for kind in kinds]
    if layout := figure.get_layout_engine():
        layout.execute(figure)
    figure.set_layout_engine("none")  # Laid out once, not again for every draw: that takes most of the time.
    more: dict[str, dict[str, Any]] = {
        "svg": {"metadata": {"Date": None}},
        "png": {"dpi": 160},
        "pdf": {"metadata": {"CreationDate": None}},
    }
    for path in paths:
        kind = path.suffix[1:]
        drawn = io.BytesIO()  # Drawn first, written at once: a process that is killed hardly ever leaves half a file.
        figure.savefig(drawn, format=kind, **more[kind])
        write_atomically(path, partial(Path.write_bytes, data=drawn.getvalue()))
    return paths


def latency_plots(group: Group, groups: Sequence[Group]) -> list[Figure]:
    """Accuracy against milliseconds, one plot for each machine; none where nothing was timed."""
    return [figure for machine in group.timed if (figure := _latency_plot(group, groups, machine))]


def _latency_plot(group: Group, groups: Sequence[Group], machine: str) -> Figure | None:
    timed = [entry for entry in group.timed[machine] if entry.mean("latency_ms_p50") is not None]
    if not timed:
        return None
    # A dense record need not be timed itself: every timed method was timed beside it.
    beside = (entry.mean("dense_latency_ms_p50") for entry in sorted(timed, key=lambda entry: not entry.valid))
    dense = next((value for value in beside if value is not None), None)

    def latency(entry: Entry) -> float:
        return entry.known("latency_ms_p50") if entry.about_time else cast(float, dense)

    if group.dense and dense is not None and not any(entry.record.method == "dense" for entry in timed):
        timed = [group.dense, *timed]
    here = timing_machine(group.timed[machine][0].record)
    of_others = [
        entry
        for other in groups
        if other.dataset == group.dataset and other is not group
        for same in other.timed.values()
        for entry in same
        if entry.family.static and entry.valid and timing_machine(entry.record) == here
    ]
    static = [entry for entry in [*timed, *of_others] if entry.family.static and entry.valid]
    return _pareto(_title(group, machine), timed, static, groups, latency, "Latency of one image, median (ms)")


def speedup_plots(group: Group, groups: Sequence[Group]) -> list[Figure]:
    """Measured against theoretical speed-up in one executor, one plot for each machine that timed any.

    On the line, saved MACs are saved time.
    """
    found = []
    for machine, entries in group.timed.items():
        if timed := [entry for entry in entries if entry.mean("skipping_speedup_latency") is not None]:
            found.append(_speedup_plot(_title(group, machine), timed, groups))
    return found


def _speedup_plot(title: str, timed: Sequence[Entry], groups: Sequence[Group]) -> Figure:
    figure, axes = _figure(title)
    look = styles(groups)
    for method, entries in by_method(timed).items():
        x = [entry.known("speedup_theoretical") for entry in entries]
        y = [entry.known("skipping_speedup_latency") for entry in entries]
        _points(axes, entries, x, y, look[method], {})
    top = 1.08 * max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([0, top], [0, top], color="#888888", linewidth=1, label="time saved = MACs saved")
    axes.axhline(1, color="#888888", linewidth=1, linestyle=":")
    measured = "Measured speed-up (latency, same executor)"
    axes.set(xlim=(0, top), ylim=(0, top), xlabel="Theoretical speed-up (MACs)", ylabel=measured)
    _legend(axes)
    return figure


def _title(group: Group, machine: str) -> str:
    return f"{group.name}, machine {machine}" if machine else group.name


def _pareto(
    title: str, own: Sequence[Entry], static: Sequence[Entry], groups: Sequence[Group], cost: Measure, label: str
) -> Figure:
    figure, axes = _figure(title)
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
    static = sorted(static, key=cost)
    costs = [cost(entry) for entry in static]
    axes.plot(costs, [entry.top1.value for entry in static], "-", color="#999999", zorder=1, label="static networks")
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
        if not entry.valid:
            axes.plot(cost, quality, "x", color="black", markersize=10)


def _legend(axes: Axes) -> None:
    axes.plot([], [], "x", color="black", label="INVALID")
    axes.plot([], [], "o", color="#666666", markerfacecolor="white", label="hollow: dominated")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
