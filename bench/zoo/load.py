"""Trained networks under arriving requests: served by a process of their own, and what theory predicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.data import DataSet
from bench.errors import BadInput
from bench.measurement.energy import find_meter
from bench.measurement.load import Policy, Served, Server, arrival_times, feed, highest_rate, mean_latency, single_file
from bench.measurement.memory import PEAK, memory_mb
from bench.measurement.shifts import in_memory
from bench.records.conditions import LOAD, add_condition, read_conditions, require_settings
from bench.statistics import spearman
from bench.system.files import write_atomically
from bench.zoo.serving import Alone, Serving
from bench.zoo.stress.subjects import Subject

Point = tuple[str, str, str]
"""Arrivals, policy, and what was asked for: ``50/s``, or a utilisation."""


@dataclass(frozen=True)
class LoadPlan:
    """What is measured.

    Attributes:
        arrivals: some of :data:`bench.measurement.load.ARRIVALS`.
        policies: by name.
        rates: requests per second; empty: those of ``utilisations``.
        utilisations: of the server, were each request answered alone.
        seconds: of each point.
        images: the first so many test images, in turns.
        command: for the rows.
        limit_ms: what answers should keep.
    """

    arrivals: Sequence[str]
    policies: dict[str, Policy]
    rates: Sequence[float]
    utilisations: Sequence[float]
    seconds: float
    images: int
    command: str
    executor: str = "auto"
    limit_ms: float = 10.0

    def points(self) -> list[Point]:
        """Every kind of arrivals with every policy and every rate, as asked for."""
        asked = [f"{rate:g}/s" for rate in self.rates] or [f"{share:g}" for share in self.utilisations]
        return [(kind, policy, one) for policy in self.policies for kind in self.arrivals for one in asked]

    def settings(self) -> dict[str, Any]:
        """What rows of one table must share, whatever their point."""
        return {"seconds": self.seconds, "images": self.images, "limit_ms": self.limit_ms}

    def rate(self, asked: str, alone: Alone) -> float:
        """Requests per second."""
        return float(asked[:-2]) if asked.endswith("/s") else float(asked) / float(alone.services.mean())


def measure_load(
    subjects: Sequence[Subject], data: DataSet, plan: LoadPlan, out: Path, say: Callable[[str], None]
) -> None:
    """Measures every network at every rate; rows that are in ``out`` already are kept.

    Raises:
        BadInput: ``out`` was measured with other settings or cannot be written, or a server does not answer.
    """
    out.mkdir(parents=True, exist_ok=True)
    images = data.normalise(in_memory(data.test, plan.images).images)
    rows = read_conditions(out / LOAD.file, LOAD)
    _require_same(rows, plan, subjects, out / LOAD.file)
    done, meter = set(rows[list(LOAD.key)].itertuples(index=False, name=None)), find_meter()
    if meter.missing:
        say(f"energy is not measured: {meter.missing}")
    for subject in subjects:
        open_ = [point for point in plan.points() if (subject.job, *point) not in done]
        if open_:
            serving = Serving(subject, images, plan.executor)
            alone = serving.alone(meter)
            _keep_services(serving, alone, out)
            for policy in dict.fromkeys(policy for _, policy, _ in open_):
                say(f"{subject.job}: {policy}, {plan.seconds:g} s a point")
                points = [point for point in open_ if point[1] == policy]
                for row in _rows(serving, plan, points, alone):
                    add_condition(out / LOAD.file, LOAD, subject.origin(plan.command) | row)


def _require_same(rows: pd.DataFrame, plan: LoadPlan, subjects: Sequence[Subject], table: Path) -> None:
    """Raises BadInput where ``rows`` of ``table`` were measured with other settings: they would not compare."""
    require_settings(rows, plan.settings(), table)
    for name, policy in plan.policies.items():
        require_settings(rows[rows["policy"] == name], _of_policy(policy), table)
    for subject in subjects:
        require_settings(rows[rows["job"] == subject.job], {"executor": subject.executor}, table)


def _of_policy(policy: Policy) -> dict[str, Any]:
    return {"most": policy.most, "window_ms": policy.window_ms}


def _keep_services(serving: Serving, alone: Alone, out: Path) -> None:
    """Writes the time of each image beside its MACs."""
    folder = out / "images" / serving.subject.job
    folder.mkdir(parents=True, exist_ok=True)
    both = serving.outcomes()[["index", "macs"]].assign(service_ms=1000 * alone.services)
    write_atomically(folder / "service.parquet", lambda path: both.to_parquet(path, index=False))


def _rows(serving: Serving, plan: LoadPlan, points: Sequence[Point], alone: Alone) -> Iterator[dict[str, Any]]:
    """One row for each point, all of one policy and from one server."""
    record = serving.subject.record
    rates = [plan.rate(asked, alone) for _, _, asked in points]
    dues = [arrival_times(kind, rate, plan.seconds, record.seed) for (kind, _, _), rate in zip(points, rates)]
    server = serving.start(sum(map(len, dues)), plan.policies[points[0][1]])
    same = _alone(serving, alone, plan.limit_ms) | {"top1": record.top1, "macs_fraction": record.macs_fraction}
    same |= plan.settings() | _of_policy(plan.policies[points[0][1]])
    first = 0
    try:
        for (kind, policy, asked), rate, due in zip(points, rates, dues):
            served = feed(server, due, first)
            spent = (server.ended - server.begun)[first : first + len(due)].numpy()
            first += len(due)
            told = {"arrivals": kind, "policy": policy, "asked": asked, **_memory(server)}
            above = 100 * float((1000 * served.latency > plan.limit_ms).mean())
            yield told | same | {"above_limit": above} | _measured(served, spent, alone, rate)
    except RuntimeError as error:
        raise BadInput(f"{serving.subject.job}: {error}") from error
    finally:
        server.stop()


def _alone(serving: Serving, alone: Alone, limit_ms: float) -> dict[str, Any]:
    """What is known without load, the same in every row of a network."""
    services = alone.services
    return {
        "limit_ms": limit_ms,
        "images_above_limit": 100 * float((1000 * services > limit_ms).mean()),
        "predicted_rate": highest_rate(services, limit_ms / 1000, alone.wake),
        "service_ms": 1000 * float(services.mean()),
        "service_p99_ms": 1000 * float(np.percentile(services, 99)),
        "service_max_ms": 1000 * float(services.max()),
        "time_macs": spearman(services, serving.outcomes()["macs"].to_numpy()),
        "cold_start_s": alone.cold_start_s,
        "energy_mj": alone.energy_mj,
    }


def _measured(served: Served, spent: NDArray[np.float64], alone: Alone, rate: float) -> dict[str, Any]:
    """Latencies, measured and predicted.

    Args:
        spent: seconds on each request in this run; those answered together share theirs.
    """
    occupied = spent + alone.between
    return {
        "rate": rate,
        "utilisation": rate * float(alone.services.mean()),
        "requests": len(spent),
        "restarts": served.restarts,
        **_percentiles("", served.latency),
        "formula_ms": 1000 * mean_latency(rate, alone.services, alone.wake),
        **_percentiles("file_", single_file(served.asked, occupied, alone.wake)),
        "service_ms_in_run": 1000 * float(occupied.mean()),
    }


def _memory(server: Server) -> dict[str, float | None]:
    """The most that the process has held, and how much of it came with the network."""
    peak, before = memory_mb(server.process.pid, PEAK), server.before_mb
    return {"peak_mb": peak, "inference_mb": None if peak is None or before is None else peak - before}


def _percentiles(prefix: str, seconds: NDArray[np.float64]) -> dict[str, float]:
    found = {f"{prefix}p{percent}_ms": 1000 * float(np.percentile(seconds, percent)) for percent in (50, 95, 99)}
    return {f"{prefix}mean_ms": 1000 * float(seconds.mean()), **found}
