"""What kernels work on: features and decisions of all samples of a batch, in memory of the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.execution.triton.launch import divided, power_of_two

LARGEST_TILE = 64
"""Pixels that one program computes. Chosen by registers and by programs for a single image; no time was measured."""


@dataclass(frozen=True)
class Map:
    """Features of all samples.

    Attributes:
        values: ``[N, pixels, channels]``.
        pooled: sums over each tile of pixels, ``[N, tiles, channels]`` float32; None inside a block.
    """

    values: Tensor
    height: int
    width: int
    pooled: Tensor | None

    @classmethod
    def empty(cls, count: int, height: int, width: int, channels: int, like: Tensor, pooled: bool = True) -> Map:
        """Room for the features of ``count`` samples, of the type and on the device of ``like``."""
        values = like.new_zeros(count, height * width, channels)
        tiles = divided(height * width, tile_of(height * width))
        sums = torch.zeros(count, tiles, channels, device=like.device) if pooled else None
        return cls(values, height, width, sums)

    @property
    def count(self) -> int:
        """N, of samples."""
        return self.values.shape[0]

    @property
    def pixels(self) -> int:
        """Of one sample."""
        return self.height * self.width

    @property
    def channels(self) -> int:
        """Of each pixel."""
        return self.values.shape[2]

    @property
    def tile(self) -> int:
        """Pixels of one tile; the last may hold fewer."""
        return tile_of(self.pixels)

    @property
    def tiles(self) -> int:
        """How many of them hold all pixels."""
        return divided(self.pixels, self.tile)

    def strided(self, stride: int) -> tuple[int, int]:
        """Height and width behind what goes over it in steps of ``stride`` and pads as much as it needs."""
        return (self.height - 1) // stride + 1, (self.width - 1) // stride + 1

    def images(self) -> Tensor:
        """The same memory as ``[N, channels, height, width]``, channels last."""
        return self.values.view(self.count, self.height, self.width, self.channels).permute(0, 3, 1, 2)


def tile_of(pixels: int) -> int:
    """Pixels of a tile, for maps of so many."""
    return power_of_two(pixels, 16, LARGEST_TILE)


@dataclass(frozen=True)
class Decided:
    """What was decided about one block, for all samples.

    Attributes:
        scales: ``[N]`` float32: of the branch; zero skips it, and it is negative where the sample has answered before.
        kept: indices of the inner channels that are kept, in front, ``[N, inner]`` int32. None: all are.
        counts: how many those are, ``[N]`` int32.
        channel_scale: of every inner channel, zero where it is off, ``[N, inner]`` float32.
    """

    scales: Tensor
    kept: Tensor | None = None
    counts: Tensor | None = None
    channel_scale: Tensor | None = None

    @classmethod
    def empty(cls, count: int, inner: int, channels: bool, device: torch.device) -> Decided:
        """Room for ``count`` samples; ``channels``: for decisions about each of ``inner`` ones too."""
        scales = torch.zeros(count, device=device)
        if not channels:
            return cls(scales)
        kept = torch.zeros(count, inner, dtype=torch.int32, device=device)
        counts = torch.zeros(count, dtype=torch.int32, device=device)
        return cls(scales, kept, counts, torch.zeros(count, inner, device=device))


@dataclass(frozen=True)
class Answers:
    """What the samples of a batch answered, and who still has to.

    Attributes:
        logits: ``[N, classes]`` float32.
        alive: ``[N]`` float32: 1, and -1 for a sample that has answered. None where nobody answers before the end.
        taken: number of the answer that each gave, ``[N]`` int32.
        said: the class that the last exit said, and how many in a row have said it, ``[N, 2]`` int32.
    """

    logits: Tensor
    alive: Tensor | None
    taken: Tensor
    said: Tensor

    @classmethod
    def empty(cls, count: int, classes: int, exits: bool, device: torch.device) -> Answers:
        """Room for ``count`` samples; ``exits``: some may answer before the end."""
        alive = torch.ones(count, device=device) if exits else None
        taken = torch.zeros(count, dtype=torch.int32, device=device)
        return cls(torch.zeros(count, classes, device=device), alive, taken, taken.new_zeros(count, 2))
