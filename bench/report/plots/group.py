"""Every plot of one data set and backbone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from bench.report.chart import Chart
from bench.report.headroom.findings import Headroom
from bench.report.headroom.picture import headroom_picture
from bench.report.plots import accuracy, answer, curves, paths
from bench.report.results import Group
from bench.report.units import Unit


def group_plots(group: Group, groups: Sequence[Group], unit: Unit, headroom: Headroom | None) -> dict[str, Callable]:
    """Makers of all that the group's records, and what ``bench headroom`` found, allow, by the names of their files."""
    chart = Chart(group, groups, unit)
    makers: dict[str, Callable] = {
        "pareto": partial(answer.front_plot, chart),
        "difference": partial(answer.difference_plot, chart),
        "families": partial(answer.family_plot, chart),
        "latency": partial(accuracy.latency_plots, group, groups),
        "speedup": partial(accuracy.speedup_plots, group, groups),
        "macs": partial(paths.macs_histograms, group, groups, unit),
        "blocks": partial(paths.block_shares, group),
        "classes": partial(paths.class_shares, group),
        "gates": partial(paths.gate_shares, group),
        "curves": partial(curves.curve_plot, group, groups, unit),
    }
    if headroom:
        makers["headroom"] = partial(headroom_picture, headroom)
    return {f"{kind}-{group.slug}": make for kind, make in makers.items()}
