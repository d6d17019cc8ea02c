"""One launch of a kernel: its grid and everything that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WARPS = 4
"""Of each program, unless its launch says otherwise."""


@dataclass(frozen=True)
class Launch:
    """A kernel, how many programs of it run, and its arguments by name: tensors, numbers, or None.

    Attributes:
        warps: of 32 threads, for each program.
        registers: most of each thread; None: as ptxas chooses.
    """

    kernel: Any
    grid: Sequence[int]
    arguments: dict[str, Any]
    warps: int = WARPS
    registers: int | None = None

    def __call__(self) -> None:
        self.kernel[tuple(self.grid)](**self.arguments, **self.options())

    def options(self) -> dict[str, int]:
        """What it is compiled with."""
        limit = {} if self.registers is None else {"maxnreg": self.registers}
        return {"num_warps": self.warps} | limit


def power_of_two(number: int, least: int = 1, most: int = 1 << 20) -> int:
    """The smallest power of two that holds ``number``, between ``least`` and ``most``: what tiles are sized by."""
    return min(most, max(least, 1 << max(0, number - 1).bit_length()))


def divided(number: int, by: int) -> int:
    """How many parts of size ``by`` hold ``number``."""
    return -(-number // by)
