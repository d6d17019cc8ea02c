"""How numbers are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import floor, log10

from bench.report.tabular import UNKNOWN
from bench.statistics import Interval


@dataclass(frozen=True)
class Unit:
    """What headings count: multiply-accumulates, or floating-point operations (two for each MAC)."""

    name: str
    factor: int

    def millions(self, macs: float) -> float:
        """MACs in millions of this unit."""
        return macs * self.factor / 1e6


UNITS = {"macs": Unit("MACs", 1), "flops": Unit("FLOPs", 2)}


def number(value: float | None, digits: int = 2) -> str:
    """A number with a fixed count of decimals; unknown is a dash."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def significant(value: float | None, digits: int = 4) -> str:
    """A number with ``digits`` significant digits (whole numbers keep all of theirs); unknown is a dash."""
    if value is None:
        return UNKNOWN
    decimals = digits - 1 - floor(log10(abs(value))) if value else 0
    return f"{value:,.{max(decimals, 0)}f}"


def p_text(value: float) -> str:
    """A p-value with three decimals."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def interval(found: Interval, seeds: int, write: Callable[[float], str]) -> str:
    """``mean [low, high] (n=seeds)``; without what stands in brackets where nothing varies."""
    spread = "" if found.low == found.high else f" [{write(found.low)}, {write(found.high)}]"
    return f"{write(found.value)}{spread} (n={seeds})"
