"""Convolutions for inference: batch norm folded into the weights, ReLU and residual sum fused where the device can."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from bench.execution.skipping.layout import layout
from bench.networks.blocks import ConvUnit

Channels = int | Tensor | None
"""Some channels of a convolution: the first so many, those with the given indices, or all of them."""


class Convolution:
    """A convolution with folded batch norm and, where the unit has one, a ReLU.

    Maps ``[N, C_in, H, W]`` to ``[N, C_out, H', W']``. A plain object, not a module: at batch 1 the convolution of a
    thin network takes little longer than what a module's call costs.
    """

    def __init__(self, weight: Tensor, bias: Tensor, like: nn.Conv2d, activation: bool):
        self.weight = weight.contiguous(memory_format=layout(weight.device))
        self.bias = bias
        self.like = like
        self.activation = activation
        self.geometry: Any = (like.stride, like.padding, like.dilation, like.groups)

    def to(self, dtype: torch.dtype) -> Convolution:
        """The same convolution, rounded to ``dtype``."""
        return Convolution(self.weight.to(dtype), self.bias.to(dtype), self.like, self.activation)

    def select(self, outputs: Channels = None, inputs: Channels = None) -> Convolution:
        """The same convolution with some of its output or input channels."""
        weight = _take(_take(self.weight, 0, outputs), 1, inputs)
        return Convolution(weight, _take(self.bias, 0, outputs), self.like, self.activation)

    @cached_property
    def matrix(self) -> Tensor:
        """The weights as ``[kernel * C_in, C_out]``, for rows of gathered inputs."""
        return self.weight.permute(2, 3, 1, 0).flatten(0, 2).contiguous()

    def packed(self) -> Convolution:
        """The form to keep for many calls: with weights in the layout that oneDNN wants, where oneDNN is used."""
        return PackedConvolution(self.weight, self.bias, self.like, self.activation) if _packs(self.weight) else self

    def __call__(self, x: Tensor) -> Tensor:
        y = torch.conv2d(x, self.weight, self.bias, *self.geometry)
        return torch.relu_(y) if self.activation else y

    def add_relu(self, x: Tensor, residual: Tensor) -> Tensor:
        """``relu(residual + conv(x))``; overwrites ``residual``."""
        return torch.relu_(residual.add_(self(x)))


class PackedConvolution(Convolution):
    """The same through oneDNN's fused operators, weights packed once for batch 1 and once for larger batches.

    These operators are what ``torch.compile`` emits on CPUs. Weights packed for one batch size are several times
    slower at the other, where oneDNN wants another layout and reorders them in every call.
    """

    def __init__(self, weight: Tensor, bias: Tensor, like: nn.Conv2d, activation: bool):
        super().__init__(weight, bias, like, activation)
        self.layout = ([*like.padding], [*like.stride], [*like.dilation], like.groups)
        self.fused = "relu" if activation else "none"
        self.for_one: Tensor | None = None
        self.for_many: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        return _POINTWISE(x, self._weight(x), self.bias, *self.layout, self.fused, [], "")

    def add_relu(self, x: Tensor, residual: Tensor) -> Tensor:
        return _ADD_INTO(residual, x, self._weight(x), self.bias, *self.layout, "add", 1.0, "relu", [], "")

    def _weight(self, x: Tensor) -> Tensor:
        if x.shape[0] == 1:
            if self.for_one is None:
                self.for_one = self._pack(x, 1)
            return self.for_one
        if self.for_many is None:
            self.for_many = self._pack(x, MANY)
        return self.for_many

    def _pack(self, x: Tensor, batch: int) -> Tensor:
        size = [batch, *x.shape[1:]]
        reorder: Any = torch._C._nn.mkldnn_reorder_conv2d_weight  # whose stub lacks the size
        return reorder(self.weight.contiguous().to_mkldnn(), *self.layout, size)


class Constant(Convolution):
    """``reader(gated(x))`` where the gated convolution keeps no channel: the reader's bias everywhere."""

    def __init__(self, gated: Convolution, reader: Convolution):
        super().__init__(reader.weight, reader.bias, reader.like, reader.activation)
        self.convolutions = (gated.like, reader.like)
        self.value = (torch.relu(reader.bias) if reader.activation else reader.bias)[:, None, None]

    def packed(self) -> Convolution:
        return self

    def __call__(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        for conv in self.convolutions:
            height, width = _output_size(conv, 0, height), _output_size(conv, 1, width)
        return self.value.expand(len(x), -1, height, width)


MANY = 32
"""The batch that weights for larger batches are packed for."""
_POINTWISE = torch.ops.mkldnn._convolution_pointwise.default
_ADD_INTO = torch.ops.mkldnn._convolution_pointwise_.binary


def fold(unit: ConvUnit) -> Convolution:
    """A unit in evaluation mode, ``norm(conv(x))``, as one convolution."""
    conv, norm = unit.conv, unit.norm
    assert norm.running_mean is not None and norm.running_var is not None
    factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shift = norm.bias - norm.running_mean * factor
    bias = shift if conv.bias is None else shift + conv.bias * factor
    return Convolution(conv.weight * factor[:, None, None, None], bias, conv, unit.activation)


def _output_size(conv: nn.Conv2d, dim: int, size: int) -> int:
    assert not isinstance(conv.padding, str)
    span = conv.dilation[dim] * (conv.kernel_size[dim] - 1)
    return (size + 2 * conv.padding[dim] - span - 1) // conv.stride[dim] + 1


def _packs(weight: Tensor) -> bool:
    device = weight.device.type == "cpu" and torch.backends.mkldnn.is_available()
    rounded = weight.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return device and (weight.dtype == torch.float32 or rounded) and weight.numel() > 0


def _take(tensor: Tensor, dim: int, channels: Channels) -> Tensor:
    if channels is None:
        return tensor
    if isinstance(channels, int):
        return tensor.narrow(dim, 0, channels)
    return tensor.index_select(dim, channels)
