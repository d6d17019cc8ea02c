"""Latency under arrivals as tables: measured, and as theory predicts."""

from __future__ import annotations

import pandas as pd

from bench.report.tables.conditions import labels, number_cell, origins
from bench.report.tabular import Cell, Column, Table

QUIET = 0.15
"""Largest share by which services in a run may differ from those measured ahead."""


def load_tables(rows: pd.DataFrame, name: str, slug: str) -> list[Table]:
    """Every table that rows of ``load.csv`` allow; none without any.

    Args:
        rows: of networks that share data set and backbone.
        name: of both, for titles; ``slug`` for the names of the tables.
    """
    if not len(rows):
        return []
    rows = rows.assign(network=labels(rows)).sort_values(["arrivals", "policy", "network", "rate"])
    return [_latency_table(rows, name, slug), _service_table(rows, name, slug)]


def _latency_table(rows: pd.DataFrame, name: str, slug: str) -> Table:
    def line(row: pd.Series) -> list[Cell]:
        alone, random = row["policy"] == "none", row["arrivals"] == "poisson"
        quiet = abs(row["service_ms_in_run"] / row["service_ms"] - 1) <= QUIET
        measured = [number_cell(row[f"{name}_ms"]) for name in ("mean", "p50", "p95", "p99")]
        return [
            Cell(row["network"]),
            Cell(f"{row['arrivals']}, {row['policy']}"),
            number_cell(row["rate"], 0),
            number_cell(row["utilisation"]),
            *measured,
            number_cell(row["formula_ms"] if alone and random else None),
            number_cell(row["file_mean_ms"] if alone else None),
            number_cell(row["file_p99_ms"] if alone else None),
            Cell("yes" if quiet or not alone else f"no: services took {row['service_ms_in_run']:.2f} ms"),
        ]

    return Table(
        name=f"load-{slug}",
        title=f"{name}: latency under arrivals",
        caption="One process asks, one serves; from asking to the answer, milliseconds; every request was answered "
        "exactly once. Utilisation: of a server that answers one by one. Formula: the mean by Pollaczek and Khinchine "
        "from services measured ahead. In file: the same requests one by one, with the services they had (Lindley). "
        f"Quiet: services in the run within {QUIET:.0%} of those measured ahead, for which the formula holds.",
        columns=[
            Column("Method", numeric=False),
            Column("Arrivals, policy", numeric=False),
            Column("Requests/s"),
            Column("Utilisation"),
            Column("Mean"),
            Column("p50"),
            Column("p95"),
            Column("p99"),
            Column("Formula: mean"),
            Column("In file: mean"),
            Column("In file: p99"),
            Column("Quiet", numeric=False),
        ],
        rows=[line(row) for _, row in rows.iterrows()],
        notes=origins(rows),
    )


def _service_table(rows: pd.DataFrame, name: str, slug: str) -> Table:
    def line(network: str, own: pd.DataFrame) -> list[Cell]:
        return [
            Cell(network),
            number_cell(own["service_ms"].mean(), 3),
            number_cell(own["service_p99_ms"].mean(), 3),
            number_cell(own["macs_fraction"].mean(), 3),
            number_cell(own["time_macs"].mean(), signed=True),
            number_cell(own["cold_start_s"].mean(), 1),
            number_cell(own["peak_mb"].max(), 0),
            Cell("not measured"),
        ]

    return Table(
        name=f"service-{slug}",
        title=f"{name}: the time of an image beside its MACs",
        caption="A server without load, images one after the other: milliseconds that one occupies it. Correlation: "
        "Spearman's, over images, of that time with MACs; a dash: all cost the same. Memory: of the whole serving "
        "process. Energy: no meter is read.",
        columns=[
            Column("Method", numeric=False),
            Column("Service: mean (ms)"),
            Column("Service: p99 (ms)", "Over images, of each one's median"),
            Column("MACs", "As a fraction of the dense backbone's"),
            Column("Time and MACs", "Spearman correlation over images"),
            Column("Cold start (s)", "From starting the process until it can answer"),
            Column("Peak memory (MB)"),
            Column("Energy"),
        ],
        rows=[line(str(network), own) for network, own in rows.groupby("network", sort=False)],
    )
