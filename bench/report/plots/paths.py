"""Plots of what networks do with single images: their cost, and the path they take."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from bench.report.entries import Entry, by_method
from bench.report.results import Group
from bench.report.styles import middle, short, styles
from bench.report.units import Unit

COLOUR_MAP = "cividis"  # As light in grey as in colour, and safe for the colour-blind.
ROW = 0.22
"""Inches for one line of a heat map or bar chart."""


def macs_histograms(group: Group, groups: Sequence[Group], unit: Unit) -> Figure | None:
    """How many images cost how much: one row for each method whose cost depends on the image."""
    varying = by_method([entry for entry in group.entries if np.ptp(entry.macs_per_image) > 0])
    if not varying:
        return None
    figure = Figure(figsize=(6.4, 0.6 + 0.8 * len(varying)))
    rows = figure.subplots(len(varying), squeeze=False, sharex=True)[:, 0]
    largest = unit.millions(max(entry.macs_per_image.max() for entries in varying.values() for entry in entries))
    bins = np.linspace(0, 1.02 * largest, 60)
    look = styles(groups)
    explained = None
    for axes, (method, entries) in zip(rows, varying.items()):
        for entry, line in zip(entries, ("-", "--", ":", "-.") * len(entries)):
            counts, _ = np.histogram(entry.macs_per_image * unit.millions(1), bins)
            label = f"{entry.record.point:g}" if entry.record.point is not None else None
            share = 100 * counts / len(entry.macs_per_image)
            axes.stairs(share, bins, color=look[method][0], linestyle=line, label=label)
        axes.set_ylabel(short(method), rotation=0, ha="right", va="center")
        axes.locator_params(axis="y", nbins=2)
        points = [entry.record.point for entry in entries]
        if points not in (explained, [None]):  # Lines mean the same until the operating points change.
            axes.legend(fontsize=6, frameon=False, loc="upper left")
            explained = points
    rows[0].set_title(f"{group.name}: share of images (%)")
    rows[-1].set_xlabel(f"{unit.name} per image (M), gates included")
    return figure


def block_shares(group: Group) -> Figure | None:
    """Which share of the images executes each block, for every entry with gated blocks."""
    rows = {
        short(entry.label): executed_shares(entry) for entry in group.entries if not entry.results[0].executed.empty
    }
    if not rows:
        return None
    shares = pd.DataFrame(rows).T
    shares = shares[sorted(shares.columns, key=int)]
    figure = Figure(figsize=(max(4.5, 1.8 + 0.2 * shares.shape[1]), 1.1 + ROW * len(shares)))
    axes = figure.subplots()
    image = _heat_map(axes, shares)
    axes.set_xlabel("Block")
    axes.set_title(group.name)
    figure.colorbar(image, label="Images that execute it (%)", fraction=0.05)
    return figure


def class_shares(group: Group) -> Figure | None:
    """The same by class, for the middle operating point of each method."""
    entries = [middle(same) for same in by_method(group.entries).values()]
    entries = [entry for entry in entries if not entry.results[0].executed.empty]
    if not entries:
        return None
    columns = min(3, len(entries))
    lines = -(-len(entries) // columns)
    figure = Figure(figsize=(2.6 * columns, 0.6 + 2.3 * lines))
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for place, (axes, entry) in enumerate(zip(panels, entries)):
        result = entry.results[0]
        shares = 100 * result.executed.groupby(result.samples["label"].to_numpy()).mean()
        image = _heat_map(axes, shares)
        axes.set_title(short(entry.label), fontsize=8)
        if place % columns:
            axes.set_yticks([])
        else:
            axes.set_ylabel("Class")
        if place + columns < len(entries):
            axes.set_xticks([])
        else:
            axes.set_xlabel("Block")
    for axes in panels[len(entries) :]:
        axes.remove()
    figure.suptitle(group.name, fontsize=9)
    figure.colorbar(image, ax=list(panels[: len(entries)]), label="Images that execute it (%)", fraction=0.03)
    return figure


def gate_shares(group: Group) -> Figure | None:
    """Which share of a network's MACs its gates take."""
    gated = [entry for entry in group.entries if entry.mean("gate_macs_mean")]
    if not gated:
        return None
    figure = Figure(figsize=(6.4, 1.0 + ROW * len(gated)))
    axes = figure.subplots()
    shares = [100 * entry.known("gate_macs_mean") / entry.macs.value for entry in gated]
    bars = axes.barh(
        [short(entry.label) for entry in gated], shares, color="#56B4E9", edgecolor="#333333", linewidth=0.5
    )
    axes.bar_label(bars, fmt="%.2f %%", padding=2, fontsize=7)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="Gates' share of the MACs (%)", xlim=(0, 1.15 * max(shares)), title=group.name)
    return figure


def executed_shares(entry: Entry) -> pd.Series:
    """Percentage of images that execute each block, over all seeds."""
    return 100 * pd.concat([result.executed for result in entry.results]).mean()


def _heat_map(axes: Axes, shares: pd.DataFrame) -> AxesImage:
    axes.grid(visible=False)
    every = -(-shares.shape[1] // 10)
    axes.set_xticks(range(0, shares.shape[1], every), shares.columns[::every], fontsize=6)
    axes.set_yticks(range(len(shares)), shares.index, fontsize=7)
    return axes.imshow(shares, cmap=COLOUR_MAP, vmin=0, vmax=100, aspect="auto", interpolation="nearest")
