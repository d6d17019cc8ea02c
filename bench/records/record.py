"""The record: what was measured for one (method, dataset, backbone, operating point, seed), with where and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

import pandas as pd

from bench.records.validity import time_state
from bench.system.validation import is_of

SCHEMA_VERSION = 1


def column(meaning: str, default: Any = MISSING) -> Any:
    """A field of :class:`Record` that is a column of ``table.csv``; without a default it must be known.

    Args:
        meaning: for the reference page, with the unit.
    """
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row of ``table.csv``, whose columns are the fields in their order, and what stands behind it.

    MACs are plain numbers, times milliseconds, accuracies percent; unknown is None, never 0. ``details`` holds what
    is no column: ``environment``, ``config`` (all that determines the result), ``data`` (split, fingerprint),
    ``start`` (where the backbone's weights come from), ``warnings``, ``timing``, ``determinism`` and ``files``.
    """

    schema_version: int = column("Version of this layout.")
    method: str = column("As `--methods` names it, with its choices; behind it `(int8)` or `(claimed elsewhere)`.")
    dataset: str = column("The data set, or which part of it.")
    backbone: str = column("The static network underneath.")
    point: float | None = column("Operating point: wanted fraction of the dense backbone's MACs.")
    seed: int = column("Of everything random.")
    stage_epochs: str = column("Stages of the training and their epochs.")
    n_test: int = column("Test images.")
    top1: float = column("Accuracy, percent.")
    top1_low: float = column("Lower end of the accuracy's 95 % interval (Wilson).")
    top1_high: float = column("Upper end of the accuracy's interval.")
    macs_mean: float = column("MACs of an image, gates included: mean over the test images.")
    macs_std: float = column("Standard deviation of the MACs between images.")
    macs_p5: float = column("5th percentile of the images' MACs.")
    macs_p50: float = column("Median of the images' MACs.")
    macs_p95: float = column("95th percentile of the images' MACs.")
    gate_macs_mean: float | None = column("Part of `macs_mean` that gates cost.", None)
    macs_backbone: float = column("MACs of the dense backbone.")
    macs_fraction: float = column("`macs_mean` over `macs_backbone`.")
    params: int | None = column("Parameters, gates included.", None)
    latency_ms_p50: float | None = column("Milliseconds of one image alone: median.", None)
    latency_ms_p90: float | None = column("90th percentile of the same.", None)
    latency_ms_p99: float | None = column("99th percentile of the same.", None)
    throughput_ips: float | None = column("Images per second in batches of 64.", None)
    dense_latency_ms_p50: float | None = column("Median of the fastest dense form, in turns with the network.", None)
    dense_throughput_ips: float | None = column("Images per second of the fastest dense form.", None)
    speedup_theoretical: float | None = column("Mean MACs of the dense backbone over the network's.", None)
    speedup_latency: float | None = column("Measured speed-up over the fastest dense form, one image at a time.", None)
    speedup_throughput: float | None = column("As the column before, in batches of 64.", None)
    execution: str = column(
        "`skipped`: what was decided away was not computed; `masked`: it was multiplied by zero; `claimed elsewhere`."
    )
    device: str = column("What trained and evaluated: `cpu` or `cuda`; of claims `elsewhere`.")
    threads: int | None = column("Threads of the timing; where nothing was timed, of the training.", None)
    precision: str = column("Arithmetic of tests and timing.")
    reported_top1: float | None = column("What the paper reports: accuracy, percent.", None)
    reported_macs: float | None = column("What the paper reports: MACs.", None)
    reported_source: str | None = column("Where it reports them.", None)
    valid: bool = column("Whether every measurement met its minimums.", True)
    invalid_reasons: str = column("Which ones were missed.", "")
    command: str = column("As typed.", "")
    commit: str = column("Of the source, or its version and hash.", "")
    created_utc: str = column("When the record was made.", "")
    environment_id: str = column("Equal exactly for equal environments.", "")
    executor: str = column("What ran the trained network: `torch`, `native`, `triton` or `onnxruntime`.", "torch")
    speedup_latency_same_executor: float | None = column("Speed-up over dense in the same executor, one image.", None)
    speedup_throughput_same_executor: float | None = column("As the column before, in batches of 64.", None)
    shuffled_loss: float | None = column("Points of top-1 lost with the decisions of other images.", None)
    twin_loss: float | None = column(
        "Points of top-1 lost by the static twin: gates open for all images or none.", None
    )
    twin_macs_fraction: float | None = column("MACs of the static twin over `macs_backbone`.", None)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What to call the data in tables and plots: the data set, or which part of it."""
        data = self.details.get("data")
        return str((data.get("title") if isinstance(data, dict) else "") or self.dataset)

    @property
    def method_version(self) -> int:
        """Version that its authors gave the method; 1 in records from before there were versions."""
        version: Any = (self.details.get("config") or {}).get("method_version")
        return version if is_of(version, int) else 1

    @property
    def skipping_speedup_latency(self) -> float | None:
        """What skipping alone brings: over dense in the same executor; in older records, over its best form."""
        same = self.speedup_latency_same_executor
        return self.speedup_latency if same is None else same

    @property
    def skipping_speedup_throughput(self) -> float | None:
        """As ``skipping_speedup_latency``."""
        same = self.speedup_throughput_same_executor
        return self.speedup_throughput if same is None else same

    def _repr_html_(self) -> str:
        """What a notebook shows: every column that is known, below each other."""
        known = {name: value for name in COLUMNS if (value := getattr(self, name)) not in (None, "")}
        shown = {name: f"{value:.6g}" if isinstance(value, float) else str(value) for name, value in known.items()}
        return str(pd.Series(shown, name="value").to_frame().to_html(header=False))


COLUMNS = [declared.name for declared in fields(Record) if "meaning" in declared.metadata]
"""Columns of ``table.csv``, in the order of the contract; ours, which it does not name, come last."""
TABLE_COLUMNS = (*COLUMNS, "time_state")
"""Columns of ``table.csv``: behind the fields what follows from them. Tables from before may lack these."""


def table(records: Iterable[Record]) -> pd.DataFrame:
    """Records as the rows of ``table.csv``: the contract's columns, unknown values empty.

    ``dataset`` says which part of a data set it is: a row must not be taken for one about the whole. ``valid`` is also
    true of records without times: ``time_state`` tells.
    """

    def row(record: Record) -> dict[str, Any]:
        fields = {name: getattr(record, name) for name in COLUMNS}
        return fields | {"dataset": record.title, "time_state": time_state(record)}

    return pd.DataFrame([row(record) for record in records], columns=TABLE_COLUMNS)
