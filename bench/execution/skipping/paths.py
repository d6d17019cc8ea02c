"""From what gates decided to what has to be run: samples in groups that execute a block alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bench.execution.skipping.width import ENDED, FULL, NOTHING, Width
from bench.networks.decisions import ChannelDecision
from bench.networks.router import FoldedGates


def group_by_width(channels: ChannelDecision | None, narrows: bool) -> Iterator[tuple[list[int] | None, Width]]:
    """Groups of samples that keep the same channels; a group of None is everybody.

    Several samples whose channels are no prefixes share no weights; they run at full width and are multiplied.
    """
    if channels is None:
        yield None, FULL
    elif not narrows:
        yield None, Width(None, channels.scale[:, :, None, None])
    elif len(channels.kept) == 1:
        yield None, width_of_one(channels)
    else:
        yield from _prefix_groups(channels)


def group_by_end(complete: Tensor) -> Iterator[tuple[list[int] | None, Width]]:
    """Groups of samples whose branches end at one place, where they are ``complete`` ``[N]``, 1, or end early, 0."""
    whole = (complete > 0).tolist()
    for wanted, width in ((True, FULL), (False, ENDED)):
        rows = [row for row, one in enumerate(whole) if one == wanted]
        if rows:
            yield None if len(rows) == len(whole) else rows, width


def width_of_one(channels: ChannelDecision) -> Width:
    """What a single sample keeps: all channels, the first few, or some by their indices."""
    return _width(channels.kept[0], channels.scale, unscaled=channels.scale is channels.kept)


def _width(kept: Tensor, scale: Tensor, unscaled: bool = False) -> Width:
    """From which channels are kept ``[C]`` and the scale of all ``[1, C]``."""
    chosen = kept.nonzero().flatten()
    count = len(chosen)
    if count == 0:
        return NOTHING
    scales = None if unscaled else scale.index_select(1, chosen)[:, :, None, None]
    if count == len(kept):
        return Width(None, scales)
    return Width(count if int(chosen[-1]) == count - 1 else chosen, scales)


def _prefix_groups(channels: ChannelDecision) -> Iterator[tuple[list[int] | None, Width]]:
    kept, scale = channels.kept, channels.scale
    count = kept.sum(1).int()
    prefix = torch.arange(kept.shape[1], device=kept.device) < count[:, None]
    if not torch.equal(prefix, kept > 0):
        yield None, Width(None, scale[:, :, None, None])
        return
    widths = count.tolist()
    for width in sorted(set(widths)):
        rows = [row for row, one in enumerate(widths) if one == width]
        yield rows, Width(width, None if scale is kept or not width else scale[rows, :width, None, None])


class Pooled(NamedTuple):
    """The block input of one image summed over its positions ``[1, C]``, and their number: cheaper than the mean."""

    total: Tensor
    area: int

    @classmethod
    def of(cls, x: Tensor) -> Pooled:
        return cls(x.sum((2, 3), dtype=torch.float32), x.shape[2] * x.shape[3])


def _columns(linear: nn.Linear | None) -> tuple[Tensor | None, Tensor | None]:
    """Bias and transposed weight."""
    return (None, None) if linear is None else (linear.bias, linear.weight.t().contiguous())


class SingleGates:
    """The folded gates of one block, asked about one image: plain numbers as early as possible."""

    def __init__(self, gates: FoldedGates, inner_channels: int):
        self.menu = gates.menu
        self.inner_channels = inner_channels
        layer_bias, self.layer_weight = _columns(gates.layer)
        self.layer_bias = 0.0 if layer_bias is None else layer_bias.item()
        self.channel_bias, self.channel_weight = _columns(gates.channels)

    @property
    def reads_input(self) -> bool:
        """Whether there is anything to be asked."""
        return self.layer_weight is not None or self.decides_channels

    @property
    def decides_channels(self) -> bool:
        return self.channel_weight is not None

    def layer_scale(self, pooled: Pooled | None) -> float:
        """What multiplies the branch: 0 skips the block."""
        if self.layer_weight is None:
            return 1.0
        assert pooled is not None
        total, area = pooled
        return min(max(torch.mm(total, self.layer_weight).item() / area + self.layer_bias, 0.0), 1.0)

    def width(self, pooled: Pooled | None) -> Width:
        """The inner channels that are computed."""
        if self.channel_weight is None:
            return FULL
        assert pooled is not None and self.channel_bias is not None
        total, area = pooled
        score = torch.addmm(self.channel_bias, total, self.channel_weight, alpha=1 / area)
        return self._from_menu(score, self.menu) if self.menu else _width(score[0] > 0, score.clamp(max=1.0))

    def decision(self, width: Width, like: Tensor) -> ChannelDecision:
        """``width`` as a decision about all inner channels, ``[1, C]`` of the type and device of ``like``."""
        kept = like.new_zeros(1, self.inner_channels)
        chosen = slice(width.kept) if width.kept is None or isinstance(width.kept, int) else width.kept
        kept[:, chosen] = 1
        scale = kept.clone()
        if width.scale is not None:
            scale[:, chosen] = width.scale.flatten(1)
        return ChannelDecision(kept, scale)

    def _from_menu(self, score: Tensor, menu: int) -> Width:
        group = self.inner_channels // menu
        scales, lowest = [], 1.0
        for one in score[0].tolist():
            lowest = min(lowest, one)
            if lowest <= 0:
                break
            scales.append(lowest)
        width = group * len(scales)
        if width == 0:
            return NOTHING
        scale = None if lowest == 1.0 else score.new_tensor(scales).repeat_interleave(group).reshape(1, width, 1, 1)
        return Width(None if width == self.inner_channels else width, scale)
