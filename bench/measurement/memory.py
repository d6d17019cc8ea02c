"""Memory that a process holds, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

NOW, PEAK = "VmRSS", "VmHWM"


def memory_mb(process: int | str | None, field: str) -> float | None:
    """Resident memory of a process in MB, 10^6 bytes; None where the system does not say.

    Args:
        process: its number, or ``self``.
        field: :data:`NOW`, or :data:`PEAK`: the most that it has held.
    """
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{field}:"))
    except (OSError, StopIteration, ValueError):
        return None
