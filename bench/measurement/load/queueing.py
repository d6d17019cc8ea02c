"""What queueing theory predicts of one server that takes requests one by one, in their order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


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


def mean_latency(rate: float, services: NDArray[np.float64]) -> float:
    """Mean latency under Poisson arrivals by the Pollaczek-Khinchine formula; infinite where the server is overrun.

    Args:
        rate: requests per unit of ``services``.
    """
    load = rate * services.mean()
    return float(services.mean() + rate * np.square(services).mean() / (2 * (1 - load))) if load < 1 else float("inf")
