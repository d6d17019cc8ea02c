"""What gates decided, for each sample of a batch.

Every tensor is a float so that gradients can pass: in the forward direction ``executed`` and ``kept`` are exactly
0 or 1; backwards each gate chooses its own estimator (see :mod:`bench.dynamic.gates`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class LayerDecision:
    """Whether each sample executes a block, and by what its residual branch is multiplied.

    Attributes:
        executed: ``[N]``, 0 or 1.
        scale: ``[N]``, zero exactly where ``executed`` is.
    """

    executed: Tensor
    scale: Tensor

    @classmethod
    def always(cls, like: Tensor) -> LayerDecision:
        """Every sample of the batch ``like`` ``[N, ...]`` executes the block, unscaled."""
        ones = like.new_ones(len(like))
        return cls(ones, ones)


@dataclass(frozen=True)
class ChannelDecision:
    """Which inner channels of a block each sample keeps, and by what they are multiplied.

    Attributes:
        kept: ``[N, C]``, 0 or 1.
        scale: ``[N, C]``, zero exactly where ``kept`` is.
    """

    kept: Tensor
    scale: Tensor


@dataclass(frozen=True)
class BlockDecision:
    """All that was decided about one block; ``channels`` is None where no gate looks at channels."""

    layer: LayerDecision
    channels: ChannelDecision | None = None

    @property
    def kept_fraction(self) -> Tensor:
        """Share of the block's inner channels that each sample computes, ``[N]``: 0 for a skipped block."""
        if self.channels is None:
            return self.layer.executed
        return self.layer.executed * self.channels.kept.mean(1)


@dataclass(frozen=True)
class Output:
    """What a dynamic network returns.

    Attributes:
        logits: ``[N, classes]``.
        decisions: one per block, in order.
        trace: whatever the router remembers of this pass (for instance log-probabilities of sampled actions).
    """

    logits: Tensor
    decisions: tuple[BlockDecision, ...]
    trace: Any = None

    def executed(self) -> Tensor:
        """Blocks executed by each sample, ``[N, blocks]``."""
        return torch.stack([decision.layer.executed for decision in self.decisions], 1)
