"""How time is taken: contestants in turns, raw values kept, and what else the machine did meanwhile."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.errors import BadInput

MIN_ROUNDS, MIN_SECONDS = 7, 2.0
"""A measurement with fewer rounds, or shorter, is invalid."""
WARM_UP_PASSES, WARM_UP_SECONDS, STABLE = 12, 3.0, 0.05
"""At most so many passes, begun within so long, until the median time changes by less than this share."""
PAUSE = 0.01
"""Seconds before each turn: threads of OpenMP spin for some time behind their work, beside whoever comes next."""
MAX_SPREAD, MAX_FOREIGN = 0.15, 0.10
"""Largest share by which the middle half of the rounds may spread, and that others may use of the processors."""


@dataclass(frozen=True)
class Measurement:
    """Times of contestants that took turns on the same batches.

    Attributes:
        milliseconds: by contestant, ``[rounds, batches]``.
        foreign: ``[rounds]``, share of the machine's processor time that other programs took; NaN if unknown.
        seconds: duration of all rounds.
    """

    milliseconds: Mapping[str, np.ndarray]
    foreign: np.ndarray
    seconds: float

    @property
    def rounds(self) -> int:
        return len(self.foreign)

    def percentile(self, name: str, percent: float) -> float:
        """Percentile of a contestant's raw times, in milliseconds."""
        return float(np.percentile(self.milliseconds[name], percent))

    def speedups(self, reference: str, name: str) -> np.ndarray:
        """How many times faster ``name`` got through all batches than ``reference``, in each round."""
        return self.milliseconds[reference].sum(1) / self.milliseconds[name].sum(1)

    def speedup(self, reference: str, name: str) -> float:
        """Median over rounds: whatever slowed the machine slowed both sides of a round."""
        return float(np.median(self.speedups(reference, name)))

    def invalid_reasons(self, reference: str, name: str) -> list[str]:
        """Why the comparison of two contestants must not be trusted; empty if it may. What is about them names them."""
        reasons = []
        if self.rounds < MIN_ROUNDS:
            reasons.append(f"too few rounds: {self.rounds} of {MIN_ROUNDS}")
        if self.seconds < MIN_SECONDS:
            reasons.append(f"too short: {self.seconds:.1f} of {MIN_SECONDS:.1f} s")
        low, middle, high = np.percentile(self.speedups(reference, name), (25, 50, 75))
        if high - low > MAX_SPREAD * middle:
            spread = f"the middle half of the rounds spreads over {(high - low) / middle:.0%}"
            reasons.append(f"too noisy: {name} against {reference}: {spread}")
        known = self.foreign[~np.isnan(self.foreign)]  # a round may be too short to tell
        if len(known) and (foreign := float(np.median(known))) > MAX_FOREIGN:
            reasons.append(f"foreign load: other programs took {foreign:.0%} of the processors")
        return reasons


def measure(
    contestants: Mapping[str, Callable[[Tensor], object]],
    batches: Sequence[Tensor],
    seconds: float = 10.0,
    min_rounds: int = MIN_ROUNDS,
    max_seconds: float | None = None,
) -> Measurement:
    """Times every contestant on every batch, once in every round, in turns within one process.

    Args:
        batches: on the device where the contestants compute.
        seconds: rounds go on until this is over and there are ``min_rounds``.
        max_seconds: but no longer than this, the result then being invalid; by default four times ``seconds``.

    Raises:
        BadInput: no contestants or no batches.
    """
    if not contestants or not batches:
        raise BadInput("nothing to measure: contestants or batches are missing")
    for contestant in contestants.values():
        _warm_up(contestant, batches)
    times: dict[str, list[list[float]]] = {name: [] for name in contestants}
    foreign: list[float] = []
    names = list(contestants)
    begin, limit = time.perf_counter(), max_seconds or 4 * seconds
    with _no_garbage_collection():
        while (spent := time.perf_counter() - begin) < limit and (spent < seconds or len(foreign) < min_rounds):
            load = _Load()
            # Every other round in the opposite order: who comes first has no advantage.
            for name in names if len(foreign) % 2 else reversed(names):
                time.sleep(PAUSE)
                times[name].append(_time_batches(contestants[name], batches))
            foreign.append(load.foreign_share())
    elapsed = time.perf_counter() - begin
    return Measurement({name: np.array(rounds) for name, rounds in times.items()}, np.array(foreign), elapsed)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Computes with ``count`` threads, and afterwards with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _warm_up(contestant: Callable[[Tensor], object], batches: Sequence[Tensor]) -> None:
    """Passes over all batches until their median time has settled."""
    before, begin = np.inf, time.perf_counter()
    for done in range(WARM_UP_PASSES):
        if done > 1 and time.perf_counter() - begin > WARM_UP_SECONDS:
            return  # Of a slow network, or on a machine whose speed wavers: it is warm, though not settled.
        now = float(np.median(_time_batches(contestant, batches)))
        if abs(now - before) < STABLE * now:
            return
        before = now


def _time_batches(contestant: Callable[[Tensor], object], batches: Sequence[Tensor]) -> list[float]:
    """Milliseconds of each batch."""
    timed = _time_on_gpu if batches[0].is_cuda else _time_on_cpu
    return [timed(contestant, batch) for batch in batches]


def _time_on_cpu(contestant: Callable[[Tensor], object], batch: Tensor) -> float:
    begin = time.perf_counter()
    contestant(batch)
    return 1e3 * (time.perf_counter() - begin)


def _time_on_gpu(contestant: Callable[[Tensor], object], batch: Tensor) -> float:
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    begin.record()
    contestant(batch)
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


@contextlib.contextmanager
def _no_garbage_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Load:
    """Processor time that other programs take, from its making on (Linux; elsewhere unknown)."""

    def __init__(self):
        self.begin = self._read()

    def foreign_share(self) -> float:
        """Share of all processors' time that was neither idle nor ours; NaN if unknown or too short to tell."""
        now = self._read()
        if self.begin is None or now is None:
            return float("nan")
        total, busy, own = (after - before for after, before in zip(now, self.begin))
        return max(0.0, busy - own) / total if total > 0.1 else float("nan")

    @staticmethod
    def _read() -> tuple[float, float, float] | None:
        """Seconds of all processors together: passed, not idle (time stolen by a hypervisor included), ours."""
        path = Path("/proc/stat")
        if not path.exists():
            return None
        ticks = [int(value) for value in path.read_text().split("\n", 1)[0].split()[1:9]]
        idle, total = ticks[3] + ticks[4], sum(ticks)
        second = os.sysconf("SC_CLK_TCK")
        return total / second, (total - idle) / second, time.process_time()
