"""Convolutions for inference: batch norm folded into the weights, ReLU and residual sum fused where the device can."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.backbones.residual import ConvUnit


class Convolution:
    """A convolution with folded batch norm and, where the unit has one, a ReLU.

    Maps ``[N, C_in, H, W]`` to ``[N, C_out, H', W']``. A plain object, not a module: at batch 1 the convolution of a
    thin network takes little longer than what a module's call costs.
    """

    def __init__(self, weight: Tensor, bias: Tensor, like: nn.Conv2d, activation: bool):
        self.weight = weight
        self.bias = bias
        self.like = like
        self.activation = activation
        self.geometry = (like.stride, like.padding, like.dilation, like.groups)

    @classmethod
    def fold(cls, unit: ConvUnit) -> Convolution:
        """The unit in evaluation mode: ``norm(conv(x))`` as one convolution."""
        conv, norm = unit.conv, unit.norm
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * factor
        weight = (conv.weight * factor[:, None, None, None]).to(memory_format=torch.channels_last)
        bias = shift if conv.bias is None else shift + conv.bias * factor
        return cls(weight, bias, conv, unit.activation)

    def select(self, outputs: Tensor | None = None, inputs: Tensor | None = None) -> Convolution:
        """The same convolution with some of its output or input channels, given by their indices."""
        weight, bias = self.weight, self.bias
        if outputs is not None:
            weight, bias = weight.index_select(0, outputs), bias.index_select(0, outputs)
        if inputs is not None:
            weight = weight.index_select(1, inputs)
        return Convolution(weight, bias, self.like, self.activation)

    def __call__(self, x: Tensor) -> Tensor:
        y = torch.conv2d(x, self.weight, self.bias, *self.geometry)
        return torch.relu_(y) if self.activation else y

    def add_relu(self, x: Tensor, residual: Tensor) -> Tensor:
        """``relu(residual + conv(x))``; may overwrite ``residual``."""
        return torch.relu_(self(x).add_(residual))
