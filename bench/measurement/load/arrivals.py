"""When requests arrive: at random, as in MLPerf's server scenario (Reddi et al., ISCA 2020), or in bursts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.system.seeds import derive_seed

ARRIVALS = ("poisson", "bursts")
BURST = 8
"""Requests that arrive together."""


def arrival_times(kind: str, rate: float, seconds: float, seed: int = 0) -> NDArray[np.float64]:
    """Seconds, rising, of a Poisson process, each event of which brings one request or a burst of them.

    Args:
        rate: requests per second in the mean, whatever the kind.
    """
    together = BURST if kind == "bursts" else 1
    generator = np.random.default_rng(derive_seed("arrivals", kind, rate, seed))
    events = max(1, round(rate * seconds / together))
    return np.repeat(generator.exponential(together / rate, events).cumsum(), together)
