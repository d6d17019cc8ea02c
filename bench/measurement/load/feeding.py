"""The process that asks: sends requests when they are due, and sees to it that each is answered once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from bench.measurement.load.serving import Server

PAUSE_S, GIVE_UP_S = 0.002, 60.0


@dataclass(frozen=True)
class Served:
    """What became of requests, in their order.

    Attributes:
        asked: seconds on the clock of both processes.
        latency: seconds from asking to the answer.
        predicted: classes.
        restarts: how often the server had to be started again.
    """

    asked: NDArray[np.float64]
    latency: NDArray[np.float64]
    predicted: NDArray[np.int64]
    restarts: int


def feed(server: Server, arrivals: Sequence[float] | NDArray[np.float64], first: int = 0) -> Served:
    """Asks for one answer at each of ``arrivals`` (seconds from now) and waits for all of them.

    Should the server die, another one is started, and gets what was not answered once more.

    Args:
        first: number of the first request; each may be asked for once in a server's life.

    Raises:
        RuntimeError: an answer that does not come, or a request that was answered twice.
    """
    numbers = range(first, first + len(arrivals))
    asked, restarts, begin = np.zeros(len(arrivals)), 0, time.perf_counter()
    for place, (number, due) in enumerate(zip(numbers, arrivals)):
        time.sleep(max(0.0, begin + due - time.perf_counter()))
        asked[place] = time.perf_counter()
        restarts += _ask(server, number, numbers[: place + 1])
    restarts += _wait(server, numbers)
    chosen = slice(first, first + len(arrivals))
    if (twice := int((server.times_answered[chosen] != 1).sum())) > 0:
        raise RuntimeError(f"{twice} of {len(arrivals)} requests were not answered exactly once")
    latency = server.ended[chosen].numpy() - asked
    return Served(asked, latency, server.predicted[chosen].numpy().copy(), restarts)


def _ask(server: Server, number: int, so_far: range) -> int:
    """Sends a request; returns how often the server had to be started for it."""
    try:
        server.ask(number)
        return 0
    except OSError:
        return _revive(server, so_far)


def _revive(server: Server, numbers: range) -> int:
    """A new process that gets all of ``numbers`` that have no answer."""
    server.process.join()
    server.start()
    for number in numbers:
        if not server.ended[number]:
            server.times_answered[number] = 0  # died before it gave the answer
            server.ask(number)
    return 1


def _wait(server: Server, numbers: range) -> int:
    restarts, left, limit = 0, len(numbers) + 1, 0.0
    while still := int(torch.sum(server.ended[numbers.start : numbers.stop] <= 0)):
        if still < left:  # what goes on is not given up, however long all of it takes
            left, limit = still, time.perf_counter() + GIVE_UP_S
        if time.perf_counter() > limit:
            raise RuntimeError("requests were not answered")
        if not server.process.is_alive():
            restarts += _revive(server, numbers)
        time.sleep(PAUSE_S)
    return restarts
