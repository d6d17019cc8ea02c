"""A dynamic network as the compiled executor wants it: folded, contiguous, described by pointers and sizes."""

from __future__ import annotations

import ctypes
from typing import Any, cast

import torch
from torch import Tensor, nn

from bench.execution.native import library as native
from bench.execution.skipping.convolution import fold
from bench.execution.structure import stem_parts, unknown_structure
from bench.networks.backbones.cifar import ParameterFreeShortcut
from bench.networks.blocks import ConvUnit, ResidualBlock
from bench.networks.exits import PooledHead
from bench.networks.network import DynamicNetwork
from bench.networks.router import FoldedGates


def unsupported_reason(network: DynamicNetwork) -> str | None:
    """Why ``network`` cannot be run natively; None if it can, given the compiled library."""
    if reason := unknown_structure(network):
        return reason
    if any(parameter.dtype != torch.float32 or parameter.is_cuda for parameter in network.parameters()):
        return "its parameters are not float32 on the CPU"
    if any(network.router.folded_gates(index) is None for index in range(len(network.backbone.blocks))):
        return "its gates are more than linear functions of a block's pooled input"
    return None


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
        unit, pool = stem_parts(backbone.stem)
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
