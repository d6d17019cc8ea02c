"""Blocks of one shape, one behind the other: what a whole network in one launch is described by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bench.networks.backbones.cifar import ParameterFreeShortcut
from bench.networks.blocks import ResidualBlock
from bench.networks.router import FoldedGates

ALIGNED = 16
"""Parameters of a block begin at multiples of so many numbers, as wide loads want."""


class Segment(NamedTuple):
    """Blocks of one shape, as :func:`bench.execution.triton.kernels.whole.run_blocks` takes them.

    Places are offsets in numbers: of maps and their sums within those of one sample, of parameters within all.
    """

    first: int
    blocks: int
    height: int
    width: int
    inputs: int
    outputs: int
    stride: int
    before: int
    layer: bool
    channels: bool
    menu: int
    tile_in: int
    tile_out: int
    source: int
    target: int
    pooled_source: int
    pooled_target: int
    listed: int
    weights: int
    numbers: int
    weight_step: int
    number_step: int


class Exit(NamedTuple):
    """An exit behind a segment, as :func:`bench.execution.triton.kernels.ends.try_exit` takes it.

    ``number`` is its own, ``next`` that of the block behind it; ``window`` and ``chunk`` are of pixels and channels
    that it pools at once. At ``numbers`` lie weights, biases, the share of maxima, and the threshold.
    """

    number: int
    next: int
    source: int
    height: int
    width: int
    channels: int
    rows: int
    columns: int
    window: int
    chunk: int
    numbers: int


class Gated(NamedTuple):
    """A block, its gates, and how many exits stand in front of it."""

    block: ResidualBlock
    gates: FoldedGates
    answers: int


class Shape(NamedTuple):
    """What blocks of one segment have in common."""

    inputs: int
    outputs: int
    stride: int
    before: int
    layer: bool
    channels: bool
    menu: int


class Packed:
    """Parameters behind one another."""

    def __init__(self) -> None:
        self.parts: list[Tensor] = []
        self.length = 0

    def add(self, parameters: Iterable[Tensor]) -> int:
        """Appends them; returns where the first begins."""
        begin, own = self.length, torch.cat([each.flatten() for each in parameters])
        self.parts.append(nn.functional.pad(own, (0, -len(own) % ALIGNED)))
        self.length += len(self.parts[-1])
        return begin

    def joined(self) -> Tensor:
        """All of them."""
        return torch.cat(self.parts)


def segmented(gated: Iterable[Gated]) -> Iterator[tuple[Shape, list[Gated]]]:
    """Blocks of one shape that follow one another, no exit between them.

    A strided one stands alone: its map is not the next one's.
    """
    for (shape, _), group in groupby(gated, lambda one: (_shape(one), one.answers)):
        alike = list(group)
        yield from [(shape, alike)] if shape.stride == 1 else [(shape, [one]) for one in alike]


def _shape(gated: Gated) -> Shape:
    block, gates = gated.block, gated.gates
    stride, before = block.units[0].conv.stride[0], 0
    if isinstance(block.shortcut, ParameterFreeShortcut):
        before = block.shortcut.padding[0]
    layer, channels = gates.layer is not None, gates.channels is not None
    return Shape(block.in_channels, block.out_channels, stride, before, layer, channels, gates.menu or 0)
