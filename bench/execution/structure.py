"""What executors of our own know of networks: blocks, stems, shortcuts and exits in their plain forms."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from bench.networks.backbones.cifar import ParameterFreeShortcut
from bench.networks.backbones.traced.block import TracedBlock
from bench.networks.blocks import ConvUnit
from bench.networks.exits import Exits, PooledHead
from bench.networks.network import DynamicNetwork
from bench.networks.stopping import StopRule


def unknown_structure(network: DynamicNetwork, rules: Collection[type[StopRule]] = (StopRule,)) -> str | None:
    """What of ``network``, its gates apart, is more than plain; None if nothing is.

    Args:
        rules: by which the executor lets samples stop at exits.
    """
    backbone, blocks = network.backbone, network.backbone.blocks
    if network.router.decides_positions:
        return "its gates decide about positions"
    if network.router.decides_tokens:
        return "its gates decide about tokens"
    if network.router.shortens:
        return "its branches may end early"
    if any(isinstance(block, TracedBlock) for block in blocks):
        return "its blocks are modules of another package"
    if network.exits is not None and not _is_known_exits(network.exits, rules):
        return "its exits are more than a linear classifier of pooled features and a threshold on how sure it is"
    unit, pool = stem_parts(backbone.stem)
    if unit is None or not _is_plain(unit) or not unit.activation or not _is_known_pool(pool):
        return "its stem is not a convolution with ReLU and at most a 3 x 3 max pool of stride 2"
    if not all(_is_plain(unit) and unit.conv.kernel_size[0] <= 3 for block in blocks for unit in block.units):
        return "its blocks have units other than 1 x 1 and 3 x 3 convolutions, or units that gate themselves"
    if any(block.units[-1].activation for block in blocks):
        return "its branches end in a ReLU"
    if not all(_is_known_shortcut(block.shortcut) for block in blocks):
        return "its blocks have unknown shortcuts"
    return None


def stem_parts(stem: nn.Module) -> tuple[nn.Module | None, nn.Module | None]:
    """A stem's convolution, and the pool behind it; no convolution where there is more."""
    if not isinstance(stem, nn.Sequential):
        return stem, None
    return (stem[0], stem[1]) if len(stem) == 2 else (None, None)


def _is_known_exits(exits: Exits, rules: Collection[type[StopRule]]) -> bool:
    return type(exits.rule) in rules and all(type(head) is PooledHead for head in exits.heads)


def _is_plain(unit: nn.Module) -> bool:
    if type(unit) is not ConvUnit:
        return False
    conv = unit.conv
    size = conv.kernel_size[0]
    return (
        conv.groups == 1
        and conv.padding_mode == "zeros"
        and size % 2 == 1
        and conv.kernel_size == (size, size)
        and conv.padding == (size // 2, size // 2)
        and conv.stride[0] == conv.stride[1]
        and conv.dilation == (1, 1)
    )


def _is_known_pool(pool: nn.Module | None) -> bool:
    if pool is None:
        return True
    known = isinstance(pool, nn.MaxPool2d) and not pool.ceil_mode
    return known and (pool.kernel_size, pool.stride, pool.padding, pool.dilation) == (3, 2, 1, 1)


def _is_known_shortcut(shortcut: nn.Module) -> bool:
    if isinstance(shortcut, nn.Identity | ParameterFreeShortcut):
        return True
    return _is_plain(shortcut) and not shortcut.activation
