"""Branches that may end behind their first unit: blocks have three outcomes, skipped, half and whole."""

from __future__ import annotations

from torch import Tensor

from bench.errors import BadInput
from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock
from bench.networks.decisions import UnitDecision


def require_ends(backbone: Backbone) -> None:
    """Raises BadInput unless all branches of ``backbone`` are two units whose outputs have one shape."""
    if not all(_may_end(block) for block in backbone.blocks):
        raise BadInput(
            "half a block needs branches of two convolutions, of which the second keeps the shape: choose a backbone "
            "of basic blocks, or another method"
        )


def _may_end(block: ResidualBlock) -> bool:
    if len(block.units) != 2 or any(type(unit) is not ConvUnit for unit in block.units):
        return False
    conv = block.units[1].conv
    kept = tuple(step * (size // 2) for size, step in zip(conv.kernel_size, conv.dilation))
    odd = all(size % 2 for size in conv.kernel_size)
    same = conv.in_channels == conv.out_channels and conv.stride == (1, 1) and conv.padding == kept
    return same and odd and all(unit.conv.padding_mode == "zeros" for unit in block.units)


def decisions_at_ends(complete: Tensor) -> list[UnitDecision]:
    """What both units compute where the second runs for ``complete`` ``[N]``, 0 or 1."""
    whole = complete.double()
    return [UnitDecision.everything(complete), UnitDecision(whole.new_ones(len(whole)), whole)]
