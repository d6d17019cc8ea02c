"""Every plot of one data set and backbone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd

from bench.report.chart import Chart
from bench.report.headroom.findings import Headroom
from bench.report.headroom.picture import headroom_picture
from bench.report.plots import accuracy, answer, curves, paths
from bench.report.plots.shift import shift_plot
from bench.report.results import Group
from bench.report.units import Unit


def group_plots(
    group: Group, groups: Sequence[Group], unit: Unit, headroom: Headroom | None, shifts: pd.DataFrame
) -> dict[str, Callable]:
    """Makers of all that the group's records, and what was found about them, allow, by the names of their files.

    Args:
        headroom: what ``bench headroom`` found.
        shifts: rows of ``shift.csv``.
    """
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
        "shift": partial(shift_plot, group, groups, shifts),
    }
    if headroom:
        makers["headroom"] = partial(headroom_picture, headroom)
    return {f"{kind}-{group.slug}": make for kind, make in makers.items()}
