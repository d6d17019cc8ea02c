"""A narrower ResNet: every width times one factor. The simplest rival, with :mod:`baselines.shallow`.

It starts from the dense network's weights, as all methods here do, not from scratch: in a short budget a network from
scratch would be a straw man, and in a long one the start matters little (Liu et al., arXiv 1810.05270). The channels
with the largest filters (sum of absolute weights) stay. All units that write to the residual stream of one stage must
keep the same channels; their normalised filter sizes are added up.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from baselines.dense import Dense
from baselines.pruning import strongest
from bench.errors import BadInput
from bench.methods.interface import MethodInfo
from bench.methods.objective import nearest_step
from bench.networks.backbones.cifar import ParameterFreeShortcut
from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock
from bench.networks.cost import count_backbone
from bench.networks.importance import filter_norms
from bench.networks.network import DynamicNetwork
from bench.networks.surgery import keep_inner, keep_inputs, keep_outputs

STEPS = 64
"""Widths are multiples of 1/64 before rounding to channels."""


def narrow(backbone: Backbone, width: float) -> Backbone:
    """Narrows ``backbone`` in place to ``width`` times its channels (rounded, at least 1), and returns it.

    Raises:
        BadInput: a stem or shortcut of a kind that is not known here.
    """
    stages = _stages(backbone.blocks)
    stream = _narrow_stage([_stem_unit(backbone)], stages[0], None, width)
    for stage in stages[1:]:
        stream = _narrow_stage([], stage, stream, width)
    backbone.classifier.weight.data = backbone.classifier.weight.data[:, stream].contiguous()
    backbone.classifier.in_features = len(stream)
    return backbone


def _stem_unit(backbone: Backbone) -> ConvUnit:
    """The stem's convolution; pooling behind it keeps channels as they are."""
    stem = backbone.stem
    return cast(ConvUnit, stem[0] if isinstance(stem, torch.nn.Sequential) and len(stem) == 2 else stem)


def _stages(blocks: Sequence[ResidualBlock]) -> list[list[ResidualBlock]]:
    """Runs of blocks that share one residual stream; the first block of a run changes it."""
    stages: list[list[ResidualBlock]] = [[]]
    for block in blocks:
        if not isinstance(block.shortcut, torch.nn.Identity):
            stages.append([])
        stages[-1].append(block)
    return stages


def _narrow_stage(writers: list[ConvUnit], blocks: list[ResidualBlock], inputs: Tensor | None, width: float) -> Tensor:
    """Narrows one stage whose input stream keeps ``inputs``; returns what its own stream keeps."""
    shortcut = None if inputs is None else blocks[0].shortcut
    if shortcut is not None and not isinstance(shortcut, ParameterFreeShortcut):
        writers = [*writers, cast(ConvUnit, shortcut)]
    writers = writers + [block.units[-1] for block in blocks]
    if not all(isinstance(unit, ConvUnit) for unit in writers):
        raise BadInput("only stems and shortcuts of one convolution can be narrowed")
    size = cast(Tensor, sum(filter_norms(unit) / filter_norms(unit).mean() for unit in writers))
    if isinstance(shortcut, ParameterFreeShortcut):
        assert inputs is not None
        stream = _around(size, inputs, shortcut, width)
    else:
        stream = strongest(size, max(1, round(width * len(size))))
    if isinstance(shortcut, ConvUnit):
        assert inputs is not None
        keep_inputs(shortcut, inputs)
    for unit in writers:
        keep_outputs(unit, stream)
    for block in blocks:
        keep_inputs(block.units[0], stream if inputs is None else inputs)
        inputs = stream
        for index, unit in enumerate(block.units[:-1]):
            keep_inner(block, index, strongest(filter_norms(unit), max(1, round(width * unit.conv.out_channels))))
    return stream


def _around(size: Tensor, inputs: Tensor, shortcut: ParameterFreeShortcut, width: float) -> Tensor:
    """Channels behind a parameter-free shortcut: those that carry the old stream, and new ones before and after it."""
    before, after = shortcut.padding
    new = max(1, round(width * len(size))) - len(inputs)
    shortcut.padding = (new // 2, new - new // 2)
    first = strongest(size[:before], new // 2)
    last = strongest(size[len(size) - after :], new - new // 2) + len(size) - after
    return torch.cat([first, inputs + before, last])


class Slim(Dense):
    """A narrower network of the same depth, fine-tuned."""

    info = MethodInfo(
        "nothing (a narrower network)", "nothing", "He et al., CVPR 2016, arXiv 1512.03385, at another width", 2016
    )
    has_points = True

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        assert point is not None
        dense = count_backbone(backbone).total

        def fraction(step: int) -> float:
            return count_backbone(narrow(copy.deepcopy(backbone), step / STEPS)).total / dense

        return DynamicNetwork(narrow(backbone, nearest_step(fraction, 1, STEPS, point) / STEPS))
