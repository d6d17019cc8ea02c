"""Which inner channels are computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from bench.execution.skipping.convolution import Channels


class Width(NamedTuple):
    """The inner channels that a group of samples keeps, the same for all of them, and each one's positions.

    Attributes:
        kept: which are computed; 0 for none.
        scale: multiplies them, ``[N, kept, 1, 1]``; None for ones, and where there are none.
        masks: of each unit, which positions it computes, ``[N, 1, H, W]``; None for all.
        ended: the branch is its first unit alone.
    """

    kept: Channels = None
    scale: Tensor | None = None
    masks: Sequence[Tensor] | None = None
    ended: bool = False


FULL, NOTHING, ENDED = Width(), Width(0), Width(ended=True)
