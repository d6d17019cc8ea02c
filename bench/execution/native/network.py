"""A dynamic network as the compiled executor wants it: folded, contiguous, described by pointers and sizes."""

from __future__ import annotations

import ctypes
from typing import Any, cast

import torch
from torch import Tensor, nn

from bench.execution.native import library as native
from bench.execution.skipping.convolution import fold
from bench.networks.backbones.cifar import ParameterFreeShortcut
from bench.networks.blocks import ConvUnit, ResidualBlock
from bench.networks.exits import Exits, PooledHead
from bench.networks.network import DynamicNetwork
from bench.networks.router import FoldedGates
from bench.networks.stopping import StopRule


def unsupported_reason(network: DynamicNetwork) -> str | None:
    """Why ``network`` cannot be run natively; None if it can, given the compiled library."""
    backbone, blocks = network.backbone, network.backbone.blocks
    if network.exits is not None and not _is_known_exits(network.exits):
        return "its exits are more than a linear classifier of pooled features and a threshold on confidence"
    if any(parameter.dtype != torch.float32 or parameter.is_cuda for parameter in network.parameters()):
        return "its parameters are not float32 on the CPU"
    unit, pool = _stem_parts(backbone.stem)
    if unit is None or not _is_plain(unit) or not unit.activation or not _is_known_pool(pool):
        return "its stem is not a convolution with ReLU and at most a 3 x 3 max pool of stride 2"
    if not all(_is_plain(unit) and unit.conv.kernel_size[0] <= 3 for block in blocks for unit in block.units):
        return "its blocks have units other than 1 x 1 and 3 x 3 convolutions, or units that gate themselves"
    if any(block.units[-1].activation for block in blocks):
        return "its branches end in a ReLU"
    if not all(_is_known_shortcut(block.shortcut) for block in blocks):
        return "its blocks have unknown shortcuts"
    if any(network.router.folded_gates(index) is None for index in range(len(blocks))):
        return "its gates are more than linear functions of a block's pooled input"
    return None


def _is_known_exits(exits: Exits) -> bool:
    return type(exits.rule) is StopRule and all(type(head) is PooledHead for head in exits.heads)


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


def _stem_parts(stem: nn.Module) -> tuple[nn.Module | None, nn.Module | None]:
    if not isinstance(stem, nn.Sequential):
        return stem, None
    return (stem[0], stem[1]) if len(stem) == 2 else (None, None)


def _is_known_pool(pool: nn.Module | None) -> bool:
    if pool is None:
        return True
    known = isinstance(pool, nn.MaxPool2d) and not pool.ceil_mode
    return known and (pool.kernel_size, pool.stride, pool.padding, pool.dilation) == (3, 2, 1, 1)


def _is_known_shortcut(shortcut: nn.Module) -> bool:
    if isinstance(shortcut, nn.Identity | ParameterFreeShortcut):
        return True
    return _is_plain(shortcut) and not shortcut.activation


class Description:
    """``network``, which has no obstacle, in the structures of the C interface.

    Attributes:
        structure: for ``native_create``. What it points to lives as long as this object, and is a copy: later
            training of the network does not reach it.
        gates: by block.
    """

    @torch.no_grad()
    def __init__(self, network: DynamicNetwork):
        self.alive: list[Tensor | ctypes.Array] = []
        backbone = network.backbone
        gates = (network.router.folded_gates(index) for index in range(len(backbone.blocks)))
        self.gates = [each for each in gates if each is not None]
        self.classes = backbone.classifier.out_features
        unit, pool = _stem_parts(backbone.stem)
        stem = cast(ConvUnit, unit)
        self.image_channels = stem.conv.in_channels
        exits = self._exits(network)
        blocks = self._array(native.Block, map(self._block, backbone.blocks, self.gates, exits))
        self.structure = native.Network(
            self._convolution(stem), pool is not None, len(blocks), blocks, self._linear(backbone.classifier)
        )

    def _exits(self, network: DynamicNetwork) -> list[Any]:
        """One per block; behind most there is none."""
        exits, each = network.exits, [native.Exit() for _ in network.backbone.blocks]
        if exits is None:
            return each
        for number, index in enumerate(exits.after):
            head = cast(PooledHead, exits.heads[number])
            mix = 0.0 if head.mix is None else float(head.mix.sigmoid())
            each[index] = native.Exit(self._linear(head.linear), mix, float(exits.rule.thresholds[number]))
        return each

    def _block(self, block: ResidualBlock, gates: FoldedGates, exit_: Any) -> Any:
        shortcut, before, projection = block.shortcut, 0, native.Convolution()
        if isinstance(shortcut, nn.Identity):
            kind = native.IDENTITY
        elif isinstance(shortcut, ParameterFreeShortcut):
            kind, before = native.SUBSAMPLED, shortcut.padding[0]
        else:
            kind, projection = native.PROJECTION, self._convolution(cast(ConvUnit, shortcut))
        units = self._array(native.Convolution, map(self._convolution, block.units))
        layer, channels = self._linear(gates.layer), self._linear(gates.channels)
        menu = gates.menu if gates.channels is not None and gates.menu else 0
        return native.Block(units, len(units), block.gated_unit, kind, before, projection, layer, channels, menu, exit_)

    def _convolution(self, unit: ConvUnit) -> Any:
        folded, conv = fold(unit), unit.conv
        sizes = conv.in_channels, conv.out_channels, conv.kernel_size[0], conv.stride[0], unit.activation
        return native.Convolution(self._floats(folded.weight), self._floats(folded.bias), *sizes)

    def _linear(self, linear: nn.Linear | None) -> Any:
        if linear is None:
            return native.Linear()
        bias = torch.zeros(linear.out_features) if linear.bias is None else linear.bias
        return native.Linear(self._floats(linear.weight), self._floats(bias), linear.in_features, linear.out_features)

    def _floats(self, tensor: Tensor) -> int:
        copy = tensor.detach().clone(memory_format=torch.contiguous_format)
        self.alive.append(copy)
        return copy.data_ptr()

    def _array(self, kind: type[ctypes.Structure], items) -> ctypes.Array:
        items = list(items)
        array = (kind * len(items))(*items)
        self.alive.append(array)
        return array
