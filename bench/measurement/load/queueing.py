"""What queueing theory predicts of one server that takes requests one by one, in their order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from bench.system.seeds import derive_seed

DRAWN, HALVINGS = 20_000, 12
"""Requests that a highest rate is found with, and how often the rates that are left are halved."""


def single_file(arrivals: Iterable[float], services: Iterable[float], wake: float = 0.0) -> NDArray[np.float64]:
    """Latency of each request: its wait and its service. Lindley, Mathematical Proceedings, 1952.

    Args:
        arrivals: rising.
        services: how long each request occupies the server, in the same unit.
        wake: what a request pays in addition that finds the server idle (Welch, Operations Research, 1964).
    """
    latencies, free = [], -np.inf
    for arrival, service in zip(arrivals, services):
        free = free + service if free > arrival else arrival + wake + service
        latencies.append(free - arrival)
    return np.array(latencies)


def mean_latency(rate: float, services: NDArray[np.float64], wake: float = 0.0) -> float:
    """Mean latency under Poisson arrivals; infinite where the server is overrun.

    The Pollaczek-Khinchine formula, extended to requests that find the server idle (Welch, Operations Research, 1964).

    Args:
        rate: requests per unit of ``services``.
        wake: as for :func:`single_file`.
    """
    if (load := rate * services.mean()) >= 1:
        return float("inf")
    woken = services + wake
    more = np.square(woken).mean() - np.square(services).mean()
    idle = (1 - load) / (1 + rate * wake)  # share of requests that find the server idle
    wait = rate * np.square(services).mean() / (2 * (1 - load)) + rate * more / (2 * (1 + rate * wake))
    return float(services.mean() + idle * wake + wait)


def highest_rate(services: NDArray[np.float64], limit: float, wake: float = 0.0, percentile: float = 99) -> float:
    """The highest rate of Poisson arrivals whose latency stays within ``limit`` at ``percentile``; 0 where none does.

    Found by :func:`single_file` with drawn requests, the same at every rate.

    Args:
        services: of images that are asked for alike often.
        limit: in their unit.
    """
    random = np.random.default_rng(derive_seed("highest rate"))
    gaps, drawn = random.exponential(1.0, DRAWN), random.choice(services, DRAWN)
    low, high = 0.0, 1 / float(services.mean())
    for _ in range(HALVINGS):
        rate = (low + high) / 2
        kept = np.percentile(single_file(np.cumsum(gaps / rate), drawn, wake), percentile) <= limit
        low, high = (rate, high) if kept else (low, rate)
    return low
