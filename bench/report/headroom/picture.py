"""Headroom as one picture: accuracy against MACs of choosing, and what can be known at which depth."""

from __future__ import annotations

from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.headroom.findings import Headroom
from bench.report.plots.accuracy import RC

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"


def headroom_picture(found: Headroom) -> Figure | None:
    """Left: networks, cascade, chance and oracle. Right: areas under the ROC curve by depth. None without cascades."""
    if not found.curve:
        return None
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(9.6 if found.probes else 6.4, 4.2))
        panels = figure.subplots(1, 2 if found.probes else 1, squeeze=False)[0]
        _gains(panels[0], found)
        if found.probes:
            _depths(panels[1], found)
    return figure


def _gains(axes: Axes, found: Headroom) -> None:
    cheap, dear = found.curve[0].cheap, found.curve[0].dear
    for varies, marker, label in ((False, "o", "static networks"), (True, "^", "dynamic networks")):
        same = [row for row in found.networks if row.varies == varies]
        colours: dict[str, Any] = {"color": "#555555", "markerfacecolor": "white" if varies else "#555555"}
        axes.plot([row.macs for row in same], [row.top1 for row in same], marker, label=label, **colours)
    macs = [point.macs for point in found.curve]
    axes.plot(macs, [point.top1 for point in found.curve], "-", color=BLUE, label=f"{cheap}, then {dear}")
    axes.plot(macs, [point.random_top1 for point in found.curve], ":", color=BLUE, label="the same shares by chance")
    bounds = [row for row in found.oracles if (row.cheap, row.dear) == (cheap, dear)][:1]
    axes.plot(
        [row.macs for row in bounds], [row.top1 for row in bounds], "*", color=ORANGE, ms=11, label="their oracle"
    )
    axes.set(xlabel=f"MACs (fraction of {found.backbone})", ylabel="Test top-1 (%)", title=found.title)
    axes.legend(fontsize=7, loc="lower right")


def _depths(axes: Axes, found: Headroom) -> None:
    cheap, seed = found.probes[0].cheap, found.probes[0].seed
    own = next(row for row in found.networks if (row.name, row.seed) == (cheap, seed))
    macs = [probe.macs for probe in found.probes]
    axes.plot(macs, [probe.linear for probe in found.probes], "o-", color=GREEN, label="linear probe")
    axes.plot(macs, [probe.trees for probe in found.probes], "s--", color=ORANGE, label="boosted trees")
    if own.confidence_area is not None:
        axes.plot(own.macs, own.confidence_area, "*", color=BLUE, ms=11, label=f"confidence of {cheap}")
    axes.axhline(0.5, color="#888888", linewidth=1, linestyle=":")
    axes.set(xlabel=f"MACs spent until there (fraction of {found.backbone})", ylabel="Area under the ROC curve")
    axes.set_title(f"Will {cheap} be wrong?")
    axes.legend(fontsize=7, loc="upper left")
