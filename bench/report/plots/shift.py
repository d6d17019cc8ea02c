"""The plot of networks on shifted test images."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from bench.report.plots.accuracy import RC
from bench.report.results import Group
from bench.report.styles import short, styles
from bench.report.tables.conditions import labels

PANELS = {
    "top1": "Top-1 (%)",
    "macs_fraction": "MACs (fraction of the dense backbone's)",
    "entropy": "Entropy of decisions (bits)",
}


def shift_plot(group: Group, groups: Sequence[Group], rows: pd.DataFrame) -> Figure | None:
    """Accuracy, cost and variety of decisions against severity, means over shifts; None where nothing was shifted.

    Args:
        rows: of ``shift.csv``, about networks of ``group``.
    """
    if not (rows["severity"] > 0).any():
        return None
    look = styles(groups)
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(9.6, 3.6))
        panels = figure.subplots(1, len(PANELS))
        for (network, method), own in rows.assign(network=labels(rows)).groupby(["network", "method"], sort=False):
            colour, marker, line = look[method]
            means = own.groupby("severity")[list(PANELS)].mean()
            for axes, column in zip(panels, PANELS):
                known = means[column].dropna()
                axes.plot(known.index, known, linestyle=line, marker=marker, color=colour, label=short(network))
        for axes, heading in zip(panels, PANELS.values()):
            axes.set(xlabel="Severity; 0: as they are", ylabel=heading)
        figure.suptitle(f"{group.name}: on shifted test images", fontsize=9)
        panels[0].legend(fontsize=7)
    return figure
