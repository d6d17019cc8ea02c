"""Plots of a report."""

from bench.report.plots.accuracy import (
    RC,
    STATIC,
    latency_plot,
    macs_plot,
    plain_resnets,
    save,
    short,
    speedup_plot,
    styles,
)

__all__ = ["RC", "STATIC", "latency_plot", "macs_plot", "plain_resnets", "save", "short", "speedup_plot", "styles"]
