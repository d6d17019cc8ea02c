"""Structural pruning: a network with channels taken out is a smaller dense network, not a masked one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock, require_ungrouped


def keep_outputs(unit: ConvUnit, kept: Tensor) -> None:
    """Removes all output channels of ``unit`` but ``kept`` (indices), in place: parameters keep their identity."""
    conv, norm = unit.conv, unit.norm
    require_ungrouped(conv)
    assert norm.running_mean is not None and norm.running_var is not None
    for tensor in (conv.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var):
        _keep(tensor, 0, kept)
    conv.out_channels = norm.num_features = len(kept)


def keep_inputs(unit: ConvUnit, kept: Tensor) -> None:
    """Removes all input channels of ``unit`` but ``kept`` (indices), in place."""
    require_ungrouped(unit.conv)
    _keep(unit.conv.weight, 1, kept)
    unit.conv.in_channels = len(kept)


def keep_inner(block: ResidualBlock, unit: int, kept: Tensor) -> None:
    """Removes all channels between unit ``unit`` of a block and the next one but ``kept`` (indices)."""
    keep_outputs(block.units[unit], kept)
    keep_inputs(block.units[unit + 1], kept)


@torch.no_grad()
def sort_inner(block: ResidualBlock) -> None:
    """Puts a block's inner channels in falling order of their filters' norms, in place: its function stays the same."""
    order = block.inner_norms().argsort(descending=True)
    gated, reader = block.units[block.gated_unit], block.units[block.gated_unit + 1].conv
    conv, norm = gated.conv, gated.norm
    for tensor in (conv.weight, conv.bias, norm.weight, norm.bias, norm.running_mean, norm.running_var):
        if tensor is not None:
            tensor.copy_(tensor[order])
    reader.weight.copy_(reader.weight[:, order])


def match_inner_channels(backbone: Backbone, state: Mapping[str, Tensor], prefix: str = "") -> None:
    """Makes room for the weights of a pruned copy of ``backbone``: as many inner channels as ``state`` holds."""
    for index, block in enumerate(backbone.blocks):
        for unit in range(len(block.parts) - 1):
            width = len(state.get(f"{prefix}blocks.{index}.units.{unit}.conv.weight", ()))
            if 0 < width < block.units[unit].conv.out_channels:
                keep_inner(block, unit, torch.arange(width))


def _keep(tensor: Tensor, dim: int, kept: Tensor) -> None:
    tensor.data = tensor.data.index_select(dim, kept.to(tensor.device))
    tensor.grad = None
