"""Attacks on the cost as tables: what is left of each network's saving, and what passes on to others."""

from __future__ import annotations

import pandas as pd

from bench.report.tables.conditions import labels, number_cell, origins
from bench.report.tabular import UNKNOWN, Cell, Column, Table
from bench.report.units import number

WORDS = {
    "none": "none",
    "noise": "noise of the same size",
    "cost": "each image",
    "cost_kept": "each image, prediction kept",
    "universal": "one change for all",
}
PAPERS = "Hong et al., DeepSloth, ICLR 2021; Pan et al., GradAuto, ECCV 2022; Haque et al., ILFO, CVPR 2020"


def attack_tables(rows: pd.DataFrame, name: str, slug: str) -> list[Table]:
    """Every table that rows of ``attack.csv`` allow; none without any.

    Args:
        rows: of networks that share data set and backbone.
        name: of both, for titles; ``slug`` for the names of the tables.
    """
    if not len(rows):
        return []
    rows = rows.assign(network=labels(rows))
    names = rows.drop_duplicates("job").set_index("job")["network"]
    rows = rows.assign(source=rows["attacked"].map(names))
    return [_own_table(rows, name, slug), _transfer_table(rows, name, slug)]


def _own_table(rows: pd.DataFrame, name: str, slug: str) -> Table:
    own = rows[(rows["attacked"] == rows["job"]) | (rows["attack"] == rows["attacked"])]
    clean = own[own["attack"] == "none"].set_index("job")["top1"]

    def line(row: pd.Series) -> list[Cell]:
        checked = f"{row['counted']:.0f}: {row['counted_difference']:.0f}" if row["counted"] else UNKNOWN
        return [
            Cell(row["network"]),
            Cell(WORDS.get(row["attack"], row["attack"])),
            number_cell(row["top1"]),
            number_cell(row["top1"] - clean.get(row["job"], float("nan")), signed=True),
            number_cell(row["same_prediction"], 1),
            number_cell(row["macs_fraction"], 3),
            number_cell(row["saving_left"], 1),
            number_cell(row["moved"], 0),
            Cell(checked),
        ]

    order = list(WORDS)
    ordered = own.assign(place=own["attack"].map(order.index)).sort_values(["network", "job", "place"])
    return Table(
        name=f"attack-{slug}",
        title=f"{name}: test images changed to raise the cost",
        caption=f"{_how(rows)} MACs are counted by the skipping execution on the changed images, which are 8-bit. "
        f"After {PAPERS}. Static networks are the control: their cost has no gradient, and images stay as they are. "
        "Checked: images whose MACs an independent counter counted, and the largest difference from those reported; of "
        "a network that skipping execution cannot run, MACs are what its decisions would spend, and none are counted.",
        columns=[
            Column("Method", numeric=False),
            Column("Change", numeric=False),
            Column("Top-1 (%)"),
            Column("Δ top-1 (points)"),
            Column("Same prediction (%)", "As on the image as it was"),
            Column("MACs", "As a fraction of the dense backbone's"),
            Column(
                "Saving left (%)", "Of what is saved on images as they were; below 0: dearer than the dense backbone"
            ),
            Column("Largest change", "Of a pixel, in levels of 255"),
            Column("Checked", "Images counted: largest difference in MACs"),
        ],
        rows=[line(row) for _, row in ordered.iterrows()],
        notes=origins(rows),
    )


def _transfer_table(rows: pd.DataFrame, name: str, slug: str) -> Table:
    networks = sorted(set(rows["network"]))
    passed = rows.dropna(subset=["source"])
    means = passed.groupby(["attack", "source", "network"])[["saving_left", "top1"]].mean()

    def cell(attack: str, source: str, network: str) -> Cell:
        if (attack, source, network) not in means.index:
            return Cell(UNKNOWN)
        saving, top1 = means.loc[(attack, source, network)]
        return Cell(f"{number(None if pd.isna(saving) else saving, 1)} / {number(top1, 1)}", top1)

    made = passed[passed["moved"] > 0][["attack", "source"]].drop_duplicates().itertuples(index=False, name=None)
    return Table(
        name=f"attack-transfer-{slug}",
        title=f"{name}: images changed for one network, shown to the others",
        caption=f"{_how(rows)} Saving left (%) / top-1 (%) of each column's network; a dash: it saves nothing.",
        columns=[Column("Changed for", numeric=False), Column("Change", numeric=False), *map(Column, networks)],
        rows=[
            [Cell(source), Cell(WORDS.get(attack, attack)), *(cell(attack, source, network) for network in networks)]
            for attack, source in sorted(made, key=lambda pair: (list(WORDS).index(pair[0]), pair[1]))
        ],
    )


def _how(rows: pd.DataFrame) -> str:
    columns = ["n_test", "epsilon", "steps", "step", "restarts"]
    told = [
        f"The first {count:,} test images; L∞ {epsilon}/255, {steps} steps of {step}/255, {restarts} restart"
        f"{'s' if restarts > 1 else ''}."
        for count, epsilon, steps, step, restarts in rows[columns].drop_duplicates().itertuples(index=False, name=None)
    ]
    universal = " One change for all: as many passes over validation images, in steps of 1/255."
    return " ".join(told) + universal * bool((rows["attack"] == "universal").any())
