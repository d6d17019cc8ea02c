"""Weights as kernels read them: folded, taps first, outputs last."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.execution.skipping.convolution import fold
from bench.execution.triton.maps import Map
from bench.networks.blocks import ConvUnit
from bench.networks.exits import PooledHead

PRECISIONS = {"float32": (torch.float32, "ieee"), "tf32": (torch.float32, "tf32"), "bf16": (torch.bfloat16, "ieee")}
"""Of features and weights, and how their products are taken. Sums, gates, exits and classifiers are float32 in all."""


@dataclass(frozen=True)
class UnitWeights:
    """A convolution with folded norm: ``weight`` ``[taps, inputs, outputs]``, ``bias`` ``[outputs]`` float32."""

    weight: Tensor
    bias: Tensor
    size: int
    stride: int

    @classmethod
    def of(cls, unit: ConvUnit, dtype: torch.dtype) -> UnitWeights:
        """A copy of those of ``unit``, in evaluation mode."""
        folded, size = fold(unit), unit.conv.kernel_size[0]
        outputs, inputs = folded.weight.shape[:2]
        weight = folded.weight.permute(2, 3, 1, 0).reshape(size * size, inputs, outputs)
        return cls(weight.to(dtype).contiguous(), folded.bias.float().clone(), size, unit.conv.stride[0])

    @property
    def inputs(self) -> int:
        """Channels."""
        return self.weight.shape[1]

    @property
    def outputs(self) -> int:
        """Channels."""
        return self.weight.shape[2]


@dataclass(frozen=True)
class LinearWeights:
    """A linear layer: ``weight`` ``[..., inputs, outputs]`` and ``bias`` ``[outputs]``, float32."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, linear: nn.Linear | None) -> LinearWeights | None:
        """None for none."""
        if linear is None:
            return None
        bias = torch.zeros_like(linear.weight[:, 0]) if linear.bias is None else linear.bias
        return cls(linear.weight.t().float().contiguous(), bias.float().clone())


@dataclass(frozen=True)
class ExitWeights:
    """An exit: ``classifier`` ``[cells, channels, classes]``, of maps pooled to ``rows`` x ``columns`` cells.

    Attributes:
        mix: share of the maximum in a cell's pool, beside the mean; a tensor, as is the threshold on confidence.
    """

    classifier: LinearWeights
    mix: Tensor
    threshold: Tensor
    rows: int
    columns: int

    @classmethod
    def of(cls, head: PooledHead, threshold: Tensor, x: Map) -> ExitWeights:
        """For maps like ``x``.

        Raises:
            BadInput: maps of another size than the classifier is made for.
        """
        rows, columns = (head.POOLED, head.POOLED) if head.mix is not None else (x.height, x.width)
        linear = head.linear
        if linear.in_features != rows * columns * x.channels:
            raise BadInput(f"an exit does not fit its input of {x.height} x {x.width} x {x.channels}")
        weight = linear.weight.view(linear.out_features, x.channels, -1).permute(2, 1, 0).float().contiguous()
        mix = torch.zeros_like(threshold) if head.mix is None else head.mix.sigmoid()
        return cls(LinearWeights(weight, linear.bias.float().clone()), mix, threshold.clone(), rows, columns)
