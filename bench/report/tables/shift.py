"""Shifted test images as tables: accuracy, cost and the variety of decisions against severity."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from bench.report.tables.conditions import labels, number_cell, origins
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import number
from bench.statistics import spearman

CLEAN = "clean"
PAPER = "Hendrycks and Dietterich, ICLR 2019"


def shift_tables(rows: pd.DataFrame, name: str, slug: str) -> list[Table]:
    """Every table that rows of ``shift.csv`` allow; none without any.

    Args:
        rows: of networks that share data set and backbone.
        name: of both, for titles; ``slug`` for the names of the tables.
    """
    rows = rows.assign(network=labels(rows))
    if not (rows["shift"] != CLEAN).any():
        return []
    return [_severity_table(rows, name, slug), _sense_table(rows, name, slug), _each_table(rows, name, slug)]


def _severity_table(rows: pd.DataFrame, name: str, slug: str) -> Table:
    def lines() -> Iterator[list[Cell]]:
        for network, own in rows.groupby("network", sort=False):
            clean = own[own["severity"] == 0]
            for severity, some in own.groupby("severity"):
                cost = 100 * (some["macs_fraction"].mean() / clean["macs_fraction"].mean() - 1)
                yield [
                    Cell(str(network)),
                    Cell(str(severity) if severity else CLEAN, float(severity)),
                    number_cell(some["top1"].mean()),
                    number_cell(some["top1"].mean() - clean["top1"].mean(), signed=True),
                    number_cell(some["macs_fraction"].mean(), 3),
                    number_cell(cost, signed=True),
                    number_cell(some["entropy"].mean(), 3),
                    number_cell(some["dearer"].mean(), 1),
                    number_cell(some["cheaper"].mean(), 1),
                ]

    return Table(
        name=f"shift-{slug}",
        title=f"{name}: on shifted test images",
        caption=f"{_sampled(rows)} Means over {_count(rows)} shifts, and over seeds. MACs are those of the "
        "skipping execution; of a network that it cannot run, what its decisions would spend. "
        f"Corruptions: {PAPER}.",
        columns=[
            Column("Method", numeric=False),
            Column("Severity"),
            Column("Top-1 (%)"),
            Column("Δ top-1 (points)", "Against the same images unshifted"),
            Column("MACs", "As a fraction of the dense backbone's"),
            Column("Δ MACs (%)", "Against the same images unshifted"),
            Column(
                "Entropy (bits)", "Of each decision between images, mean over gates; 0: all are decided about alike"
            ),
            Column("Dearer (%)", "Images that cost more than unshifted"),
            Column("Cheaper (%)", "Images that cost less than unshifted"),
        ],
        rows=list(lines()),
        notes=[*_sources(rows), *origins(rows)],
    )


def _sense_table(rows: pd.DataFrame, name: str, slug: str) -> Table:
    def line(network: str, own: pd.DataFrame) -> list[Cell]:
        clean, shifted = own[own["shift"] == CLEAN].set_index("job"), own[own["shift"] != CLEAN]
        base = clean.loc[shifted["job"]]
        cost = shifted["macs_mean"].to_numpy() - base["macs_mean"].to_numpy()
        loss = base["top1"].to_numpy() - shifted["top1"].to_numpy()
        known = shifted.dropna(subset=["replayed_top1"])
        worth = (known["top1"] - known["replayed_top1"]).mean() if len(known) else None
        return [
            Cell(network),
            number_cell(spearman(cost, loss), signed=True),
            number_cell(_mean(-shifted["cost_confidence"]), signed=True),
            number_cell(_mean(-shifted["cost_correct"]), signed=True),
            number_cell(worth, signed=True),
        ]

    return Table(
        name=f"shift-sense-{slug}",
        title=f"{name}: does a network spend more when it knows less, and does that help?",
        caption=f"{_sampled(rows)} Spearman correlations; a dash: costs never change. Conditions: of the change of "
        "mean MACs with the loss of top-1, over shifts and severities. Images: of each image's change of MACs with its "
        "loss of confidence or correctness, mean over conditions. Deciding anew: top-1 minus that with the decisions "
        "of the same image unshifted, at their cost; not for units that gate themselves, which cannot be told to.",
        columns=[
            Column("Method", numeric=False),
            Column("Conditions: cost and errors", "Positive: dearer where more goes wrong"),
            Column("Images: cost and doubt", "Positive: an image that it is less sure of became dearer"),
            Column("Images: cost and errors", "Positive: an image that it now gets wrong became dearer"),
            Column("Deciding anew (points)", "Positive: other decisions for shifted images help"),
        ],
        rows=[line(str(network), own) for network, own in rows.groupby("network", sort=False)],
    )


def _each_table(rows: pd.DataFrame, name: str, slug: str) -> Table:
    networks = list(dict.fromkeys(rows["network"]))
    means = rows.groupby(["shift", "network"])[["top1", "macs_fraction"]].mean()

    def cell(shift: str, network: str) -> Cell:
        if (shift, network) not in means.index:
            return Cell(UNKNOWN)
        top1, macs = means.loc[(shift, network)]
        return Cell(f"{number(top1, 1)} / {number(macs, 3)}", top1)

    return Table(
        name=f"shift-each-{slug}",
        title=f"{name}: every shift",
        caption=f"{_sampled(rows)} Top-1 (%) / MACs as a fraction of the dense backbone's, means over severities.",
        columns=[Column("Shift", numeric=False), *map(Column, networks)],
        rows=[[Cell(shift), *(cell(shift, network) for network in networks)] for shift in dict.fromkeys(rows["shift"])],
    )


def _sampled(rows: pd.DataFrame) -> str:
    counts = " or ".join(f"{count:,}" for count in sorted(set(rows["n_test"].astype(int))))
    severities = ", ".join(str(severity) for severity in sorted(set(rows["severity"].astype(int)) - {0}))
    return f"The first {counts} test images, severities {severities}."


def _count(rows: pd.DataFrame) -> int:
    return rows.loc[rows["shift"] != CLEAN, "shift"].nunique()


def _sources(rows: pd.DataFrame) -> list[str]:
    """What made the images."""
    made = rows[rows["shift"] != CLEAN].groupby("source", sort=False)["shift"].unique()
    return [f"{', '.join(shifts)}: {source}" for source, shifts in made.items()]


def _mean(values: pd.Series) -> float | None:
    return None if values.isna().all() else float(values.mean())
