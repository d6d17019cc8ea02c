"""Positions of residual branches: which of them each unit must compute so that those which are kept are right."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import BadInput
from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock
from bench.networks.decisions import ChannelDecision, UnitDecision


def require_positions(backbone: Backbone) -> None:
    """Raises BadInput unless single positions of all branches of ``backbone`` can be computed alone."""
    if not all(_has_positions(unit) for block in backbone.blocks for unit in block.units):
        raise BadInput(
            "a choice of positions needs branches of ungrouped convolutions that keep the size or divide it by their "
            "stride: choose a method that decides about layers, or another backbone"
        )


def _has_positions(unit: ConvUnit) -> bool:
    conv = unit.conv
    kept = tuple(step * (size // 2) for size, step in zip(conv.kernel_size, conv.dilation))
    odd = all(size % 2 for size in conv.kernel_size)
    return type(unit) is ConvUnit and odd and conv.padding == kept and conv.padding_mode == "zeros" and conv.groups == 1


def positions_of_units(block: ResidualBlock, kept: Tensor, size: Sequence[int]) -> list[Tensor]:
    """What each unit of the branch must compute where only some of its positions are ``kept``.

    Args:
        kept: ``[N, 1, H', W']``, 0 or 1, at the resolution of the block's output.
        size: height and width of the block's input.

    Returns:
        One mask ``[N, 1, H, W]`` for each unit, at the resolution of its output. The last is ``kept``, the others are
        what the next unit reads of them; only the last passes gradients, as in DynConv.
    """
    sizes = [tuple(size)]
    for unit in block.units:
        sizes.append(tuple(-(-length // step) for length, step in zip(sizes[-1], unit.conv.stride)))
    masks = [kept]
    for unit, before in zip(reversed(block.units[1:]), reversed(sizes[1:-1])):
        masks.insert(0, _read(unit.conv, masks[0].detach(), before))
    return masks


def _read(conv: nn.Conv2d, mask: Tensor, size: Sequence[int]) -> Tensor:
    """Inputs ``[N, 1, *size]`` of ``conv`` that its outputs ``mask`` depend on: a dilation by its kernel."""
    spread = mask.new_zeros(*mask.shape[:2], *size)
    spread[:, :, :: conv.stride[0], :: conv.stride[1]] = mask
    assert not isinstance(conv.padding, str)
    return F.max_pool2d(spread, conv.kernel_size, 1, conv.padding, conv.dilation)


def decisions_of_units(
    masks: Sequence[Tensor], channels: ChannelDecision | None, gated_unit: int
) -> list[UnitDecision]:
    """What each unit computes by its mask of :func:`positions_of_units`, and by ``channels`` if the gated one does."""
    found = []
    for number, mask in enumerate(masks):
        completed = mask.double().mean((1, 2, 3))
        outputs = completed.new_ones(len(completed))
        if channels is not None and number == gated_unit:
            outputs = channels.kept.double().mean(1)
        found.append(UnitDecision(outputs, completed))
    return found
