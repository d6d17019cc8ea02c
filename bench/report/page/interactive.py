"""The interactive Pareto plot, as the data that plotly.js draws."""

from __future__ import annotations

import base64
import gzip
import html
from collections.abc import Sequence
from typing import Any

from plotly.offline import get_plotlyjs

from bench.report.entries import Entry, by_method
from bench.report.results import Group
from bench.report.styles import STATIC, plain_resnets, styles
from bench.report.tables import front_marks, mean_macs
from bench.report.units import Unit, interval, number, significant

SYMBOLS = {
    "o": "circle",
    "h": "hexagon",
    "s": "square",
    "D": "diamond",
    "^": "triangle-up",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
    "*": "star",
    "<": "triangle-left",
    ">": "triangle-right",
    "p": "pentagon",
}
DASHES = ("dash", "dashdot", "dot", "longdash", "longdashdot")


def packed_plotly() -> str:
    """plotly.js, compressed: the page unpacks it in the browser and so stays small."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def pareto_figure(group: Group, groups: Sequence[Group], unit: Unit) -> dict[str, Any]:
    """Accuracy against MACs: hover tells the record, ``customdata`` is the id of its details on the page."""
    look, marks = styles(groups), front_marks(group.entries, mean_macs)
    static = sorted(plain_resnets(group, groups), key=mean_macs)
    traces = [
        _trace("plain ResNets", static, unit, line={"color": "#bbbbbb", "width": 2}, mode="lines", hoverinfo="skip")
    ]
    for index, (method, entries) in enumerate(by_method(group.entries).items()):
        colour, marker, _ = look[method]
        symbols = [_symbol(SYMBOLS[marker], entry, marks[entry]) for entry in entries]
        dash = "solid" if method in STATIC else DASHES[index % len(DASHES)]
        traces.append(
            _trace(
                method,
                entries,
                unit,
                mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 1.5},
                marker={"color": colour, "symbol": symbols, "size": 10, "line": {"width": 1.5, "color": colour}},
                error_y=_error_bars(entries, colour),
                customdata=[f"record-{entry.results[0].job}" for entry in entries],
                text=[_hover(entry, marks[entry], unit) for entry in entries],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    costs = [unit.millions(entry.macs.value) for entry in group.entries]
    margin = 0.05 * (max(costs) - min(costs)) or 1.0
    layout = {
        "xaxis": {"title": {"text": f"{unit.name} per image (M), gates included"}, "gridcolor": "#e4e7eb"},
        "yaxis": {"title": {"text": "Top-1 (%)"}, "gridcolor": "#e4e7eb"},
        "hovermode": "closest",
        "margin": {"l": 55, "r": 15, "t": 15, "b": 50},
        "legend": {"orientation": "h", "y": -0.2},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#9aa4af", "activecolor": "#0072b2"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }
    layout["xaxis"]["range"] = [min(costs) - margin, max(costs) + margin]
    return {"data": traces, "layout": layout}


def _trace(name: str, entries: Sequence[Entry], unit: Unit, **look: Any) -> dict[str, Any]:
    # Plotly reads names and hover texts as HTML.
    return {
        "type": "scatter",
        "name": html.escape(name),
        "x": [unit.millions(entry.macs.value) for entry in entries],
        "y": [entry.top1.value for entry in entries],
    } | look


def _error_bars(entries: Sequence[Entry], colour: str) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [entry.top1.high - entry.top1.value for entry in entries],
        "arrayminus": [entry.top1.value - entry.top1.low for entry in entries],
        "color": colour,
        "thickness": 0.8,
        "width": 2,
    }


def _symbol(shape: str, entry: Entry, mark: str) -> str:
    if not entry.valid:
        return "x-thin"
    return shape if mark == "front" else f"{shape}-open"


def _hover(entry: Entry, mark: str, unit: Unit) -> str:
    seeds, record = len(entry.results), entry.record
    lines = [
        f"<b>{html.escape(entry.label)}</b>",
        f"top-1 {interval(entry.top1, seeds, number)} %",
        f"{interval(entry.macs, seeds, lambda v: significant(unit.millions(v)))} M {unit.name}",
        f"{number(entry.mean('macs_fraction'), 3)} of the dense backbone{', missed its point' if entry.missed else ''}",
        f"{html.escape(record.execution)}, {mark if entry.valid else 'INVALID'}",
        f"time: {entry.time_text}",
    ]
    return "<br>".join(lines)
