"""The answer's plots as the data that plotly.js draws: what :mod:`bench.report.plots.answer` draws for paper."""

from __future__ import annotations

import base64
import gzip
import html
from collections.abc import Sequence
from typing import Any

from bench.report.chart import Chart
from bench.report.entries import Entry
from bench.report.families import Family
from bench.report.styles import BAND, GREY, short, styles
from bench.report.units import interval, number, significant

SYMBOLS = {
    "o": "circle",
    "8": "octagon",
    "h": "hexagon",
    "H": "hexagon2",
    "p": "pentagon",
    "s": "square",
    "d": "diamond-tall",
    "D": "diamond",
    "^": "triangle-up",
    "v": "triangle-down",
    "<": "triangle-left",
    ">": "triangle-right",
    "P": "cross",
    "X": "x",
    "*": "star",
}


def packed_plotly() -> str:
    """plotly.js, compressed: the page unpacks it in the browser and so stays small."""
    from plotly.offline import get_plotlyjs  # what only a page needs, and a run does not wait for

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def pareto_figure(chart: Chart) -> dict[str, Any]:
    """Accuracy against MACs over the static front; ``customdata`` is the id of a record's details on the page."""
    shown = (*chart.group.entries, *chart.other_static)
    heights = {entry: (e.value, e.low, e.high) for entry in shown for e in [entry.top1]}
    nodes = chart.front.nodes
    low, high = ([getattr(node.top1, end) for node in nodes] for end in ("low", "high"))
    x = [chart.cost(node) for node in nodes]
    ends = {"type": "scatter", "mode": "lines", "x": x, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    traces = [
        ends | {"name": "band, low", "y": low},
        ends | {"name": "band", "y": high, "fill": "tonexty", "fillcolor": BAND},
        _trace("static front", nodes, chart, {node: node.top1.value for node in nodes})
        | {"mode": "lines+markers+text", "line": {"color": "black", "width": 1.5}, "marker": {"size": 6}}
        | {
            "text": [html.escape(node.label) for node in nodes],
            "textposition": ["bottom right"] * (len(nodes) - 1) + ["bottom left"],
            "showlegend": True,
        }
        | {"textfont": {"size": 10, "color": "#555555"}, "hovertext": [_hover(node, chart) for node in nodes]},
    ]
    layout = _layout(chart, "Top-1 (%)", chart.top1_limits)
    return _with_methods(chart, heights, [*chart.others, *chart.other_static], traces, layout)


def difference_figure(chart: Chart) -> dict[str, Any] | None:
    """Points above the static front; the zero line is what a smaller network gives. None where nothing compares."""
    if not chart.differences:
        return None
    found = {entry: one.interval for entry, one in chart.differences.items()}
    heights = {entry: (one.value, one.low, one.high) for entry, one in found.items()}
    layout = _layout(chart, "Points above the static front", chart.difference_limits)
    layout["yaxis"] |= {"zeroline": True, "zerolinecolor": "black", "zerolinewidth": 2}
    return _with_methods(chart, heights, chart.others, [], layout)


def _with_methods(
    chart: Chart, heights: dict[Entry, tuple], grey: Sequence[Entry], traces: list[dict], layout: dict[str, Any]
) -> dict[str, Any]:
    look, anchors = styles(chart.groups), {}
    if grey := [entry for entry in grey if entry in heights]:
        symbols = [SYMBOLS[look[entry.record.method][1]] for entry in grey]
        values = {entry: heights[entry][0] for entry in grey}
        more = {"mode": "markers", "marker": {"color": GREY, "symbol": symbols, "size": 8}, "showlegend": True}
        traces.append(_trace("others", grey, chart, values) | more)
    for method, entries in chart.shown.items():
        drawn = [entry for entry in entries if entry in heights]
        if drawn:
            traces.append(_method(method, drawn, chart, heights))
            anchors[method] = (chart.cost(drawn[-1]), heights[drawn[-1]][0])
    _labels(chart, anchors, layout)
    traces += [_legend(family) for family in chart.families]
    return {"data": traces, "layout": layout}


def _method(method: str, entries: Sequence[Entry], chart: Chart, heights: dict[Entry, tuple]) -> dict[str, Any]:
    colour, marker, _ = styles(chart.groups)[method]
    values, low, high = zip(*(heights[entry] for entry in entries))
    error = {
        "type": "data",
        "symmetric": False,
        "array": [end - value for value, end in zip(values, high)],
        "arrayminus": [value - end for value, end in zip(values, low)],
        "color": colour,
        "thickness": 1,
        "width": 2,
    }
    return _trace(method, entries, chart, dict(zip(entries, values))) | {
        "mode": "lines+markers",
        "line": {"color": colour, "width": 1.5},
        "marker": {"color": colour, "symbol": SYMBOLS[marker], "size": 10},
        "error_y": error,
    }


def _trace(name: str, entries: Sequence[Entry], chart: Chart, values: dict[Entry, float]) -> dict[str, Any]:
    # Plotly reads names and hover texts as HTML.
    return {
        "type": "scatter",
        "name": html.escape(name),
        "x": [chart.cost(entry) for entry in entries],
        "y": [values[entry] for entry in entries],
        "customdata": [f"record-{entry.results[0].job}" for entry in entries],
        "hovertext": [_hover(entry, chart) for entry in entries],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "showlegend": False,
    }


def _legend(family: Family) -> dict[str, Any]:
    """A trace without points: methods have labels beside the plot, families stand in its legend."""
    look = {"color": family.colour, "symbol": SYMBOLS[family.markers[0]], "size": 10}
    return {"type": "scatter", "mode": "markers", "name": family.name, "x": [None], "y": [None], "marker": look}


def _labels(chart: Chart, anchors: dict[str, tuple[float, float]], layout: dict[str, Any]) -> None:
    look, right = styles(chart.groups), chart.cost_limits[1]
    limits = tuple(layout["yaxis"]["range"])
    inside = {name: y for name, (_, y) in anchors.items() if y >= limits[0]}
    for method, slot in chart.slots(inside, limits).items():
        colour, (x, y) = look[method][0], anchors[method]
        line = {"color": colour, "width": 0.5}
        layout["shapes"].append({"type": "line", "x0": x, "y0": y, "x1": right, "y1": slot, "line": line})
        text = {"x": right, "y": slot, "text": html.escape(short(method)), "showarrow": False, "xanchor": "left"}
        layout["annotations"].append(text | {"font": {"color": colour, "size": 11}})


def _layout(chart: Chart, title: str, limits: tuple[float, float]) -> dict[str, Any]:
    grid = {"gridcolor": "#e4e7eb", "zeroline": False}
    name = f"{chart.unit.name} per image (M), gates included"
    return {
        "xaxis": {"title": {"text": name}, "range": list(chart.cost_limits), **grid},
        "yaxis": {"title": {"text": title}, "range": list(limits), **grid},
        "hovermode": "closest",
        "margin": {"l": 50, "r": 105, "t": 40, "b": 45},
        "legend": {"orientation": "h", "y": -0.2},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "#9aa4af", "activecolor": "#0072b2"},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "shapes": [],
        "annotations": [],
    }


def _hover(entry: Entry, chart: Chart) -> str:
    seeds, record, unit = len(entry.results), entry.record, chart.unit
    difference = chart.differences.get(entry)
    against = f"{difference.interval.value:+.2f} points above the static front" if difference else ""
    lines = [
        f"<b>{html.escape(entry.label)}</b>, {entry.family.name}",
        f"top-1 {interval(entry.top1, seeds, number)} %",
        f"{interval(entry.macs, seeds, lambda v: significant(unit.millions(v)))} M {unit.name}",
        f"{number(entry.mean('macs_fraction'), 3)} of the dense backbone{', missed its point' if entry.missed else ''}",
        against,
        f"{html.escape(record.execution)}, time: {entry.time_text}",
    ]
    return "<br>".join(filter(None, lines))
