"""Energy that processors take, where a meter exists: RAPL, read by Zeus (You, Chung and Chowdhury, NSDI 2023)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WINDOW = "bench"


@dataclass(frozen=True)
class Meter:
    """What reads the energy of all processors of this machine, whoever makes them work.

    Attributes:
        monitor: Zeus' own; None where nothing can be read.
        missing: why not; empty where it can.
    """

    monitor: Any
    missing: str = ""

    def joules(self, work: Callable[[], object]) -> float | None:
        """Does ``work``; what was taken meanwhile, None without a meter."""
        if self.monitor is None:
            work()
            return None
        self.monitor.begin_window(WINDOW, sync_execution=False)
        try:
            work()
        finally:
            spent = self.monitor.end_window(WINDOW, sync_execution=False)
        return float(sum(spent.cpu_energy.values()))


def find_meter() -> Meter:
    """The meter of this machine, or why there is none."""
    try:
        # Imported on demand: an extra, and it takes seconds.
        from zeus.monitor import ZeusMonitor
    except ImportError:
        return Meter(None, "Zeus is not installed: pip install zeus")
    monitor = ZeusMonitor(gpu_indices=[], approx_instant_energy=False)
    return Meter(monitor) if monitor.cpu_indices else Meter(None, "this machine shows no RAPL counter that may be read")
