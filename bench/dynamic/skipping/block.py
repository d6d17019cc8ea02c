"""One residual block, run for the samples that execute it and with the channels that they keep."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.backbones.residual import ConvUnit, ResidualBlock
from bench.dynamic.decisions import ChannelDecision
from bench.dynamic.skipping.convolution import Convolution


def lower(block: ResidualBlock) -> MaskedBlock | FoldedBlock:
    """The fastest form we have for ``block``: folded where all its units are plain, else as it is."""
    return FoldedBlock(block) if all(_is_plain(unit) for unit in block.units) else MaskedBlock(block)


def lower_unit(module: nn.Module):
    """Stem or shortcut for inference: folded if it is a plain unit, else as it is."""
    return Convolution.fold(module) if _is_plain(module) else module


def _is_plain(unit: nn.Module) -> bool:
    return type(unit) is ConvUnit and unit.conv.groups == 1 and unit.conv.padding_mode == "zeros"


class MaskedBlock:
    """A block with units of another kind (which may gate themselves): computed in full, then multiplied."""

    def __init__(self, block: ResidualBlock):
        self.block = block
        self.shortcut = lower_unit(block.shortcut)

    def pass_by(self, x: Tensor) -> Tensor:
        """The block's output for samples ``x`` that skip it."""
        return x if isinstance(self.shortcut, nn.Identity) else torch.relu(self.shortcut(x))

    def run(self, x: Tensor, scale: Tensor, channels: ChannelDecision | None) -> Tensor:
        """The block's output for samples ``x`` that all execute it; may overwrite ``x``.

        ``scale`` ``[N]`` multiplies the branch.
        """
        return self.block(x, scale, None if channels is None else channels.scale)


class FoldedBlock(MaskedBlock):
    """A block of plain units: convolutions with folded batch norm, narrowed to the channels that are kept."""

    def __init__(self, block: ResidualBlock):
        super().__init__(block)
        self.convolutions = [Convolution.fold(unit) for unit in block.units]
        self.gated = block.gated_unit

    def run(self, x: Tensor, scale: Tensor, channels: ChannelDecision | None) -> Tensor:
        residual = self.shortcut(x)
        if channels is None:
            branch = self._branch(x, self.convolutions, None)
        elif len(x) == 1:
            branch = self._narrow_branch(x, channels)
        else:
            branch = self._branch(x, self.convolutions, channels.scale)
        return torch.relu_(torch.addcmul(residual, branch, scale[:, None, None, None]))

    def _branch(self, x: Tensor, convolutions: list[Convolution], channel_scale: Tensor | None) -> Tensor:
        for index, convolution in enumerate(convolutions):
            x = convolution(x)
            if index == self.gated and channel_scale is not None:
                x = x * channel_scale[:, :, None, None]
        return x

    def _narrow_branch(self, x: Tensor, channels: ChannelDecision) -> Tensor:
        """The branch of one sample, with the channels that it keeps and no others."""
        kept = channels.kept[0].nonzero().squeeze(1)
        narrow = list(self.convolutions)
        narrow[self.gated] = narrow[self.gated].select(outputs=kept)
        narrow[self.gated + 1] = narrow[self.gated + 1].select(inputs=kept)
        return self._branch(x, narrow, channels.scale[:, kept])
