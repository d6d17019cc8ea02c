"""One residual block, run for the samples that execute it and with the channels that they keep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TypeGuard

import torch
from torch import Tensor, nn

from bench.execution.skipping.convolution import Channels, Constant, Convolution, fold
from bench.execution.skipping.gathering import at_positions
from bench.execution.skipping.module import ModuleBlock
from bench.execution.skipping.width import Width
from bench.networks.backbones.traced.block import TracedBlock
from bench.networks.blocks import ConvUnit, ResidualBlock, require_ungrouped
from bench.networks.decisions import UnitDecision


def lower_block(block: ResidualBlock, dtype: torch.dtype = torch.float32) -> FoldedBlock | MaskedBlock | ModuleBlock:
    """The fastest form we have for ``block``, in ``dtype``: folded where all its units are plain, else as it is."""
    if isinstance(block, TracedBlock):
        return ModuleBlock(block.to(dtype))
    if all(_is_plain(unit) for unit in block.units):
        return FoldedBlock(block, dtype)
    return MaskedBlock(block, dtype)


def lower_unit(module: nn.Module, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """Stem or shortcut for inference: plain units folded, also those in a sequence, everything else as it is."""
    if isinstance(module, nn.Sequential):
        parts = [lower_unit(part, dtype) for part in module]
        return lambda x: reduce(lambda y, part: part(y), parts, x)
    return fold(module).to(dtype).packed() if _is_plain(module) else module.to(dtype)


def _is_plain(unit: nn.Module) -> TypeGuard[ConvUnit]:
    return type(unit) is ConvUnit and unit.conv.padding_mode == "zeros"


class MaskedBlock:
    """A block with units of another kind (which may gate themselves): computed in full, then multiplied."""

    skips_channels = False

    def __init__(self, block: ResidualBlock, dtype: torch.dtype):
        self.block, self.dtype = block, dtype
        self.inner_channels = block.inner_channels
        self.shortcut = None if isinstance(block.shortcut, nn.Identity) else lower_unit(block.shortcut, dtype)

    def pass_by(self, x: Tensor) -> Tensor:
        """The block's output for samples ``x`` that skip it; ``x`` itself where the shortcut is the identity."""
        return x if self.shortcut is None else torch.relu_(self.shortcut(x))

    def run(self, x: Tensor, scale: Tensor | float | None, width: Width, units: list[UnitDecision]) -> Tensor:
        """The block's output for samples ``x`` that all execute it; may overwrite ``x``.

        Args:
            scale: multiplies the branch: a number, ``[N, 1, 1, 1]``, or None for 1.
            width: the inner channels that these samples keep.
            units: what self-gated units decide is appended.
        """
        layer_scale = torch.as_tensor(1.0 if scale is None else scale, dtype=x.dtype, device=x.device)
        channel_scale = None if width.scale is None else width.scale.flatten(1)
        # Not rounded as a whole: what a unit decides by is float32, as in training.
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            return self.block(x, layer_scale.expand(len(x), 1, 1, 1).flatten(), channel_scale, units).to(self.dtype)


class FoldedBlock(MaskedBlock):
    """A block of plain units: convolutions with folded batch norm, narrowed to the channels that are kept."""

    skips_channels = True

    def __init__(self, block: ResidualBlock, dtype: torch.dtype):
        super().__init__(block, dtype)
        self.gated = block.gated_unit
        self.folded = [fold(unit).to(dtype) for unit in block.units]
        self.full = [convolution.packed() for convolution in self.folded]
        self.first: dict[int, list[Convolution]] = {}

    def run(self, x: Tensor, scale: Tensor | float | None, width: Width, units: list[UnitDecision]) -> Tensor:
        residual = x if self.shortcut is None else self.shortcut(x)
        if width.masks is not None or width.ended:
            branch = self.full[0](x) if width.masks is None else self._gathered(x, width, width.masks)
            return torch.relu_(residual + (branch if scale is None else branch * scale))
        *inner, last = self._convolutions(width.kept)
        for index, convolution in enumerate(inner):
            x = convolution(x)
            if index == self.gated and width.scale is not None:
                x = x.mul_(width.scale)
        if scale is None:
            return last.add_relu(x, residual)
        if isinstance(scale, float):
            return torch.relu_(residual.add_(last(x), alpha=scale))
        return torch.relu_(residual.addcmul_(last(x), scale))

    def _gathered(self, x: Tensor, width: Width, masks: Sequence[Tensor]) -> Tensor:
        """The branch, of whose positions each unit computes those of its mask; zero at the others."""
        convolutions = self._convolutions(width.kept)
        if len(convolutions) < len(masks):  # no channel is kept: the gated unit and its reader are one constant
            masks = [*masks[: self.gated], *masks[self.gated + 1 :]]
        for index, (convolution, mask) in enumerate(zip(convolutions, masks)):
            x = at_positions(convolution, x, mask)
            if index == self.gated and width.scale is not None:
                x = x.mul_(width.scale)
        return x

    def _convolutions(self, kept: Channels) -> list[Convolution]:
        if kept is None:
            return self.full
        if not isinstance(kept, int):
            return self._narrow(kept)
        if kept not in self.first:
            self.first[kept] = [convolution.packed() for convolution in self._narrow(kept)]
        return self.first[kept]

    def _narrow(self, kept: int | Tensor) -> list[Convolution]:
        require_ungrouped(self.folded[self.gated].like)
        narrow = list(self.folded)
        if isinstance(kept, int) and kept == 0:
            narrow[self.gated : self.gated + 2] = [Constant(*narrow[self.gated : self.gated + 2])]
            return narrow
        narrow[self.gated] = narrow[self.gated].select(outputs=kept)
        narrow[self.gated + 1] = narrow[self.gated + 1].select(inputs=kept)
        return narrow
