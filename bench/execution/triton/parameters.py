"""Weights as kernels read them: folded, taps first, outputs last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.execution.skipping.convolution import fold
from bench.networks.blocks import ConvUnit
from bench.networks.exits import Exits, PooledHead
from bench.networks.stopping import Entropy, Patience, StopRule

PRECISIONS = {"float32": (torch.float32, "ieee"), "tf32": (torch.float32, "tf32"), "bfloat16": (torch.bfloat16, "ieee")}
"""Of features and weights, and how their products are taken. Sums, gates, exits and classifiers are float32 in all."""
RULES: dict[type[StopRule], str] = {StopRule: "confidence", Entropy: "entropy", Patience: "patience"}
"""By which samples may stop, as :func:`bench.execution.triton.kernels.stopping.rate` names them."""


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
        mix: share of the maximum in a cell's pool, beside the mean; a tensor, as is the threshold on the score.
        rule: what that score is, one of ``RULES``.
        number: of the exit, 0 the first.
    """

    classifier: LinearWeights
    mix: Tensor
    threshold: Tensor
    rows: int
    columns: int
    rule: str
    number: int

    @classmethod
    def of(cls, exits: Exits, number: int, shape: tuple[int, int, int]) -> ExitWeights:
        """Of the ``number``-th of ``exits``, behind maps of ``shape``: height, width, channels.

        Raises:
            BadInput: maps of another size than the classifier is made for.
        """
        head, threshold = cast(PooledHead, exits.heads[number]), exits.rule.thresholds[number].clone()
        rows, columns = (head.POOLED, head.POOLED) if head.mix is not None else shape[:2]
        linear = head.linear
        if linear.in_features != rows * columns * shape[2]:
            raise BadInput(f"an exit does not fit its input of {shape[0]} x {shape[1]} x {shape[2]}")
        weight = linear.weight.view(linear.out_features, shape[2], -1).permute(2, 1, 0).float().contiguous()
        mix = torch.zeros_like(threshold) if head.mix is None else head.mix.sigmoid()
        classifier = LinearWeights(weight, linear.bias.float().clone())
        return cls(classifier, mix, threshold, rows, columns, RULES[type(exits.rule)], number)
