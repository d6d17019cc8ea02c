"""Latency under arrivals as tables: measured, and as theory predicts."""

from __future__ import annotations

import pandas as pd

from bench.report.tables.conditions import labels, number_cell, origins
from bench.report.tabular import UNKNOWN, Cell, Column, Table

QUIET = 0.15
"""Largest share by which services in a run may differ from those measured ahead."""
CLOSE, BUSY = 0.15, 0.8
"""How near a prediction should be, up to which utilisation."""


def load_tables(rows: pd.DataFrame, name: str, slug: str) -> list[Table]:
    """Every table that rows of ``load.csv`` allow; none without any.

    Args:
        rows: of networks that share data set and backbone.
        name: of both, for titles; ``slug`` for the names of the tables.
    """
    if not len(rows):
        return []
    rows = rows.assign(network=labels(rows)).sort_values(["arrivals", "policy", "network", "rate"])
    return [_latency_table(rows, name, slug), _limit_table(rows, name, slug), _service_table(rows, name, slug)]


def agreement(rows: pd.DataFrame) -> list[str]:
    """How many points lie near what was predicted, and whether the others have a reason."""
    random = rows[(rows["policy"] == "none") & (rows["arrivals"] == "poisson") & (rows["utilisation"] <= BUSY + 1e-9)]
    if not len(random):
        return []
    file, formula = (_near(random, column) for column in ("file_mean_ms", "formula_ms"))
    quiet = _is_quiet(random)
    return [
        f"Means within {CLOSE:.0%} of the prediction, one by one, Poisson, up to {BUSY:.0%} utilisation: in file "
        f"{file.sum()} of {len(random)}; by the formula {formula.sum()} of {len(random)}, of those that were quiet "
        f"{(formula & quiet).sum()} of {quiet.sum()}."
    ]


def _near(rows: pd.DataFrame, column: str) -> pd.Series:
    return (rows["mean_ms"] / rows[column] - 1).abs() <= CLOSE


def _is_quiet(rows: pd.DataFrame) -> pd.Series:
    return (rows["service_ms_in_run"] / rows["service_ms"] - 1).abs() <= QUIET


def _quiet_text(row: pd.Series) -> str:
    return "yes" if row["quiet"] else f"no: services took {row['service_ms_in_run']:.2f} ms"


def _latency_table(rows: pd.DataFrame, name: str, slug: str) -> Table:
    def line(row: pd.Series) -> list[Cell]:
        alone, random = row["policy"] == "none", row["arrivals"] == "poisson"
        measured = [number_cell(row[f"{name}_ms"]) for name in ("mean", "p50", "p95", "p99")]
        return [
            Cell(row["network"]),
            Cell(f"{row['arrivals']}, {row['policy']}"),
            number_cell(row["rate"], 0),
            number_cell(row["utilisation"]),
            *measured,
            number_cell(row["formula_ms"] if alone and random else None),
            number_cell(row["file_mean_ms"] if alone else None),
            number_cell(100 * (row["mean_ms"] / row["file_mean_ms"] - 1) if alone else None, 1, signed=True),
            number_cell(row["file_p99_ms"] if alone else None),
            Cell(_quiet_text(row) if alone else UNKNOWN),
        ]

    return Table(
        name=f"load-{slug}",
        title=f"{name}: latency under arrivals",
        caption="One process asks, one serves; from asking to the answer, milliseconds; every request was answered "
        "exactly once. Utilisation: of a server that answers one by one. Formula: the mean by Pollaczek and Khinchine "
        "from services measured ahead, with what it costs to wake the server (Welch). In file: the same "
        "requests one by one, with the services they had (Lindley). "
        f"Quiet: services in the run within {QUIET:.0%} of those measured ahead, for which the formula holds. Group: "
        "batches of images that go the same way by the record, as a perfect prediction would group them (after Selvam "
        "et al., IEEE TCAD 2024).",
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
            Column("Measured against it (%)", "Mean measured against the mean in file"),
            Column("In file: p99"),
            Column("Quiet", numeric=False),
        ],
        rows=[line(row) for _, row in rows.assign(quiet=_is_quiet(rows)).iterrows()],
        notes=[*agreement(rows), *origins(rows)],
    )


def _limit_table(rows: pd.DataFrame, name: str, slug: str) -> Table:
    def line(network: str, kind: str, policy: str, own: pd.DataFrame) -> list[Cell]:
        kept = own.loc[own["p99_ms"] <= own["limit_ms"], "rate"]
        alone = (kind, policy) == ("poisson", "none")
        return [
            Cell(network),
            Cell(f"{kind}, {policy}"),
            number_cell(kept.max() if len(kept) else None, 0),
            number_cell(own["rate"].max(), 0),
            number_cell(own["predicted_rate"].mean() if alone else None, 0),
            number_cell(own["images_above_limit"].mean(), 1),
            number_cell(own["above_limit"].max(), 1),
        ]

    limit = " or ".join(f"{one:g}" for one in sorted(set(rows["limit_ms"])))
    groups = rows.groupby(["network", "arrivals", "policy"], sort=False)
    return Table(
        name=f"limit-{slug}",
        title=f"{name}: the highest rate within {limit} ms",
        caption=f"Of the rates that were measured, the highest whose p99 is within {limit} ms; a dash: none. "
        "Predicted: for Poisson arrivals, one by one, from services measured ahead.",
        columns=[
            Column("Method", numeric=False),
            Column("Arrivals, policy", numeric=False),
            Column("Highest rate within"),
            Column("Highest measured"),
            Column("Highest predicted"),
            Column("Images above (%)", "Whose service alone takes longer than the limit"),
            Column("Requests above (%)", "Answered later than the limit, at the worst rate"),
        ],
        rows=[line(network, kind, policy, own) for (network, kind, policy), own in groups],
    )


def _service_table(rows: pd.DataFrame, name: str, slug: str) -> Table:
    def line(network: str, own: pd.DataFrame) -> list[Cell]:
        energy = number_cell(own["energy_mj"].mean(), 2)
        return [
            Cell(network),
            number_cell(own["service_ms"].mean(), 3),
            number_cell(own["service_p99_ms"].mean(), 3),
            number_cell(own["service_max_ms"].max(), 3),
            number_cell(own["macs_fraction"].mean(), 3),
            number_cell(own["time_macs"].mean(), signed=True),
            number_cell(own["cold_start_s"].mean(), 1),
            number_cell(own["inference_mb"].max(), 0),
            number_cell(own["peak_mb"].max(), 0),
            Cell("not measured") if own["energy_mj"].isna().all() else energy,
        ]

    return Table(
        name=f"service-{slug}",
        title=f"{name}: the time of an image beside its MACs",
        caption="A server without load, images one after the other: milliseconds that one occupies it, the median of "
        "five times. Correlation: Spearman's, over images, of that time with MACs; a dash: all cost the same. Memory: "
        "of the serving process. Energy: of all processors of the machine; not measured where it shows no meter.",
        columns=[
            Column("Method", numeric=False),
            Column("Service: mean (ms)"),
            Column("Service: p99 (ms)", "Over images"),
            Column("Service: worst (ms)", "Of all images"),
            Column("MACs", "As a fraction of the dense backbone's"),
            Column("Time and MACs", "Spearman correlation over images"),
            Column("Cold start (s)", "From starting the process until it can answer"),
            Column("Memory: inference (MB)", "The peak over what the process held before it loaded the network"),
            Column("Memory: peak (MB)", "Of the whole process, PyTorch included"),
            Column("Energy (mJ)", "Of an image"),
        ],
        rows=[line(str(network), own) for network, own in rows.groupby("network", sort=False)],
    )
