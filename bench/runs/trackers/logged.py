"""What all our trackers log of a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.records import Record
from bench.runs.plan.jobs import Job

OF_A_JOB = ("method", "dataset", "backbone", "point", "seed", "epochs")
OF_A_RECORD = ("top1", "macs_mean", "macs_fraction", "latency_ms_p50", "throughput_ips")


def parameters(job: Job) -> dict[str, Any]:
    """What a job is, by name."""
    return {name: getattr(job, name) for name in OF_A_JOB}


def epoch_metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """Numbers of an epoch, by name; the number of the epoch itself is their step."""
    numbers = {name: value for name, value in row.items() if isinstance(value, (int, float))}
    return {name: float(value) for name, value in numbers.items() if name not in ("epoch", "of")}


def record_metrics(record: Record) -> dict[str, float]:
    """Numbers of a record, by name: percent, MACs, milliseconds, images per second; times where they were taken."""
    values = {name: getattr(record, name) for name in OF_A_RECORD}
    return {f"test_{name}": float(value) for name, value in values.items() if value is not None}
