"""Trained networks under arriving requests: served by a process of their own, and what theory predicts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bench.data import DataSet
from bench.errors import BadInput
from bench.execution import to_inference
from bench.measurement.load import Policy, Served, Server, arrival_times, feed, mean_latency, single_file
from bench.measurement.shifts import in_memory
from bench.records import read_samples
from bench.records.conditions import LOAD, add_condition, read_conditions
from bench.statistics import spearman
from bench.zoo.loading import load_network
from bench.zoo.stress.subjects import Subject

ROUNDS, IDLE, IDLE_S = 5, 100, 0.02
"""How often all images are timed in a row, and how many are asked for one by one, so far apart."""
Point = tuple[str, str, str]
"""Arrivals, policy, and what was asked for: ``50/s``, or a utilisation."""


@dataclass(frozen=True)
class Alone:
    """What a server does without load.

    Attributes:
        services: seconds that each image occupies it, where others wait.
        between: of these, seconds between two answers: taking the next request, noting the answer.
        wake: seconds more for a request that finds it idle.
        cold_start_s: until it can answer.
    """

    services: NDArray[np.float64]
    between: float
    wake: float
    cold_start_s: float


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
    """

    arrivals: Sequence[str]
    policies: dict[str, Policy]
    rates: Sequence[float]
    utilisations: Sequence[float]
    seconds: float
    images: int
    command: str
    executor: str = "auto"

    def points(self) -> list[Point]:
        """Every kind of arrivals with every policy and every rate, as asked for."""
        asked = [f"{rate:g}/s" for rate in self.rates] or [f"{share:g}" for share in self.utilisations]
        return [(kind, policy, one) for policy in self.policies for kind in self.arrivals for one in asked]

    def rate(self, asked: str, alone: Alone) -> float:
        """Requests per second."""
        return float(asked[:-2]) if asked.endswith("/s") else float(asked) / float(alone.services.mean())


def measure_load(
    subjects: Sequence[Subject], data: DataSet, plan: LoadPlan, out: Path, say: Callable[[str], None]
) -> None:
    """Measures every network at every rate; rows that are in ``out`` already are kept.

    Raises:
        BadInput: ``out`` cannot be written, or a server does not answer.
    """
    out.mkdir(parents=True, exist_ok=True)
    images = data.normalise(in_memory(data.test, plan.images).images)
    rows = read_conditions(out / LOAD.file, LOAD)
    done = set(rows[list(LOAD.key)].itertuples(index=False, name=None))
    for subject in subjects:
        open_ = [point for point in plan.points() if (subject.job, *point) not in done]
        if open_:
            alone = _alone(subject, images, plan)
            for policy in dict.fromkeys(policy for _, policy, _ in open_):
                say(f"{subject.job}: {policy}, {plan.seconds:g} s a point")
                points = [point for point in open_ if point[1] == policy]
                for row in _rows(subject, images, plan, points, alone):
                    add_condition(out / LOAD.file, LOAD, subject.origin(plan.command) | row)


def predictor(folder: Path, executor: str) -> Callable[[Tensor], Tensor]:
    """What the network of a job's folder says to images ``[n, 3, H, W]``: logits."""
    return to_inference(load_network(folder), executor).predict


def _rows(
    subject: Subject, images: Tensor, plan: LoadPlan, points: Sequence[Point], alone: Alone
) -> Iterator[dict[str, Any]]:
    """One row for each point, all of one policy and from one server."""
    rates = [plan.rate(asked, alone) for _, _, asked in points]
    dues = [arrival_times(kind, rate, plan.seconds, subject.record.seed) for (kind, _, _), rate in zip(points, rates)]
    server = _server(subject, images, plan, sum(map(len, dues)), plan.policies[points[0][1]])
    macs = read_samples(subject.folder)["macs"].to_numpy()[: len(images)]
    same = {
        "cold_start_s": alone.cold_start_s,
        "time_macs": spearman(alone.services, macs),
        "top1": subject.record.top1,
        "macs_fraction": subject.record.macs_fraction,
    }
    first = 0
    try:
        for (kind, policy, asked), rate, due in zip(points, rates, dues):
            served = feed(server, due, first)
            spent = (server.ended - server.begun)[first : first + len(due)].numpy()
            first += len(due)
            told = {"arrivals": kind, "policy": policy, "asked": asked, "peak_mb": peak_mb(server.process.pid)}
            yield told | same | _measured(served, spent, alone, rate)
    except RuntimeError as error:
        raise BadInput(f"{subject.job}: {error}") from error
    finally:
        server.stop()


def _server(subject: Subject, images: Tensor, plan: LoadPlan, requests: int, policy: Policy) -> Server:
    return Server(partial(predictor, subject.folder, plan.executor), images, requests, policy)


def _alone(subject: Subject, images: Tensor, plan: LoadPlan) -> Alone:
    """What a fresh server does without load."""
    count, begin = len(images), time.perf_counter()
    server = _server(subject, images, plan, ROUNDS * count + IDLE, Policy())
    cold = time.perf_counter() - begin
    try:
        feed(server, np.zeros(ROUNDS * count))
        ends = server.ended[: ROUNDS * count].numpy()
        gaps = np.diff(ends, prepend=np.nan).reshape(ROUNDS, count)
        services, spent = np.nanmedian(gaps, 0), (server.ended - server.begun)[: ROUNDS * count].numpy()
        idle = feed(server, np.linspace(0.0, IDLE * IDLE_S, IDLE), ROUNDS * count)
        wake = max(0.0, float(np.median(idle.latency) - np.median(services)))
        between = max(0.0, float(np.nanmedian(gaps) - np.median(spent)))
        return Alone(services, between, wake, cold)
    finally:
        server.stop()


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
        "formula_ms": 1000 * mean_latency(rate, alone.services),
        **_percentiles("file_", single_file(served.asked, occupied, alone.wake)),
        "service_ms": 1000 * float(alone.services.mean()),
        "service_ms_in_run": 1000 * float(occupied.mean()),
        "service_p99_ms": 1000 * float(np.percentile(alone.services, 99)),
    }


def _percentiles(prefix: str, seconds: NDArray[np.float64]) -> dict[str, float]:
    found = {f"{prefix}p{percent}_ms": 1000 * float(np.percentile(seconds, percent)) for percent in (50, 95, 99)}
    return {f"{prefix}mean_ms": 1000 * float(seconds.mean()), **found}


def peak_mb(process: int | None) -> float | None:
    """The most memory that a process has held, in MB; None where the system does not say."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration, ValueError):
        return None
