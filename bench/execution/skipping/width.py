"""Which inner channels are computed."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from bench.execution.skipping.convolution import Channels


class Width(NamedTuple):
    """The inner channels that a group of samples keeps, the same for all of them.

    Attributes:
        kept: which are computed; 0 for none.
        scale: multiplies them, ``[N, kept, 1, 1]``; None for ones, and where there are none.
    """

    kept: Channels = None
    scale: Tensor | None = None


FULL, NOTHING = Width(), Width(0)
