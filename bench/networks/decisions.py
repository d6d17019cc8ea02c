"""What gates decided, for each sample of a batch.

Every tensor is a float so that gradients can pass: in the forward direction ``executed`` and ``kept`` are exactly
0 or 1; backwards each gate chooses its own estimator (see :mod:`bench.networks.gates`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class LayerDecision:
    """Whether each sample executes a block, and by what its residual branch is multiplied.

    Attributes:
        executed: ``[N]``, 0 or 1.
        scale: ``[N]``, zero exactly where ``executed`` is.
        certain: nothing was decided: all are ones, and there is nothing to multiply.
        complete: ``[N]``, 0 or 1: whether the branch runs to its end; else its first unit's output is the branch. None:
            all do.
    """

    executed: Tensor
    scale: Tensor
    certain: bool = False
    complete: Tensor | None = None

    @classmethod
    def always(cls, like: Tensor) -> LayerDecision:
        """Every sample of the batch ``like`` ``[N, ...]`` executes the block, unscaled."""
        ones = like.new_ones(len(like))
        return cls(ones, ones, certain=True)


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
class UnitDecision:
    """What a unit computes of its convolution, if it gates itself (:class:`bench.networks.blocks.SelfGatedUnit`),
    computes some positions alone, or may be left out.

    Attributes:
        outputs: ``[N]`` float64, share of its output channels; the next unit reads only those.
        completed: ``[N]`` float64, share of the MACs behind these outputs that is spent.
    """

    outputs: Tensor
    completed: Tensor

    @classmethod
    def everything(cls, like: Tensor) -> UnitDecision:
        """Every sample of the batch ``like`` ``[N, ...]`` computes the whole convolution."""
        ones = like.new_ones(len(like), dtype=torch.float64)
        return cls(ones, ones)


@dataclass(frozen=True)
class BlockDecision:
    """All that was decided about one block.

    Attributes:
        channels: None where no gate looks at channels.
        units: one decision per unit of the residual branch if its units gate themselves, or positions or the branch's
            end are decided about, else empty.
        positions: ``[N, 1, H, W]``, 0 or 1: where the branch is added; None where no gate looks at positions.
        tokens: ``[N, T]``, 0 or 1: which the branch reads and changes; None where no gate looks at tokens.
    """

    layer: LayerDecision
    channels: ChannelDecision | None = None
    units: tuple[UnitDecision, ...] = ()
    positions: Tensor | None = None
    tokens: Tensor | None = None

    @classmethod
    def of_tokens(cls, tokens: Tensor) -> BlockDecision:
        """Images without any of the ``tokens`` ``[N, T]`` skip the block."""
        executed = tokens.detach().amax(1)
        return cls(LayerDecision(executed, executed), tokens=tokens)

    def of_those(self, reached: Tensor) -> BlockDecision:
        """The decision where only some samples reach the block, ``[N]`` 0 or 1; the others skip it."""
        executed, scale = self.layer.executed * reached, self.layer.scale * reached
        return replace(self, layer=LayerDecision(executed, scale, complete=self.layer.complete))

    @property
    def unit_shares(self) -> list[Tensor]:
        """Share of its dense MACs that each self-gated unit spends, ``[N]``: inputs times outputs times completed."""
        inputs = [torch.ones_like(unit.outputs) for unit in self.units[:1]] + [unit.outputs for unit in self.units[:-1]]
        return [read * unit.outputs * unit.completed for read, unit in zip(inputs, self.units)]

    @property
    def kept_fraction(self) -> Tensor:
        """Share of the block that each sample computes, ``[N]``: 0 for a skipped block.

        With a channel gate alone the share of inner channels, with one of tokens that of tokens; else the mean of the
        units' shares.
        """
        if self.tokens is not None:
            return self.layer.executed * self.tokens.mean(1)
        if self.units:
            return self.layer.executed * torch.stack(self.unit_shares).mean(0)
        if self.channels is not None:
            return self.layer.executed * self.channels.kept.mean(1)
        return self.layer.executed


@dataclass(frozen=True)
class ExitDecision:
    """Which of several answers each sample gave: that of an exit of one network, or of a member of a cascade.

    Attributes:
        taken: ``[N]`` int64; 0 is the first answer, the highest number that of whatever cannot stop any more.
        given: ``[answers, N, classes]``, what every classifier says of every sample; None where samples stopped for
            good (skipping execution).
    """

    taken: Tensor
    given: Tensor | None = None


@dataclass(frozen=True)
class Output:
    """What a dynamic network returns.

    Attributes:
        logits: ``[N, classes]``.
        decisions: one per block, in order.
        state: whatever the router remembers of this pass (for instance log-probabilities of sampled actions).
        exits: None for a network with a single answer. Blocks behind the answer that a sample gave count as skipped.
    """

    logits: Tensor
    decisions: tuple[BlockDecision, ...]
    state: Any = None
    exits: ExitDecision | None = None

    @property
    def trace(self) -> Any:
        """Former name of ``state``."""
        return self.state

    def executed(self) -> Tensor:
        """Blocks executed by each sample, ``[N, blocks]``."""
        return torch.stack([decision.layer.executed for decision in self.decisions], 1)
