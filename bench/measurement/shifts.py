"""Test images as a deployment may meet them: shifts by name and severity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.choices import CORRUPTIONS
from bench.data import DataSet, Split
from bench.measurement.corruptions import generated, library, published

SIDES = (0.875, 0.75, 0.625, 0.5, 0.375)
"""What is left of height and width before images are enlarged to their size again."""
QUALITIES = (90, 70, 50, 30, 10)
"""Of JPEG. ``jpeg_compression`` of ImageNet-C begins at 25."""
LIGHT = (0.8, 0.6, 0.4, 0.25, 0.1)
"""What every pixel is multiplied with."""


@dataclass(frozen=True)
class Shifted:
    """Images after a shift, and what made them, for the record."""

    split: Split
    source: str


def in_memory(split: Split, count: int | None) -> Split:
    """The first ``count`` images, or all, read from wherever they are."""
    part = split.first(count)
    images, labels = zip(*part.batches(250))
    return Split(torch.cat(images), torch.cat(labels), part.indices)


def shifted(split: Split, data: DataSet, shift: str, severity: int, data_dir: Path | None) -> Shifted:
    """The images of ``split`` after a shift of :data:`bench.choices.SHIFTS`, uint8 and of the same size.

    Args:
        data: whose images they are.
        severity: 1 to 5.
        data_dir: where published files may lie.

    Raises:
        BadInput: the library is missing, or a published file is damaged.
    """
    if shift not in CORRUPTIONS:
        own = _OWN[shift](split.images, severity)
        return Shifted(replace(split, images=own), f"torchvision {metadata.version('torchvision')}")
    images = published(split, data.name, shift, severity, data_dir)
    if images is not None:
        return Shifted(replace(split, images=images), "CIFAR-10-C, published files")
    return Shifted(replace(split, images=generated(split, shift, severity)), library())


def _resolution(images: Tensor, severity: int) -> Tensor:
    height, width = images.shape[2:]
    share = SIDES[severity - 1]
    small = F.interpolate(
        images.float(), (round(height * share), round(width * share)), mode="bilinear", antialias=True
    )
    return F.interpolate(small, (height, width), mode="bilinear").round().clamp(0, 255).to(torch.uint8)


def _jpeg_quality(images: Tensor, severity: int) -> Tensor:
    # Imported on demand: torchvision takes seconds.
    from torchvision.transforms.v2.functional import jpeg

    return torch.stack([jpeg(image, QUALITIES[severity - 1]) for image in images])


def _darkness(images: Tensor, severity: int) -> Tensor:
    return (images.float() * LIGHT[severity - 1]).round().to(torch.uint8)


_OWN = {"resolution": _resolution, "jpeg_quality": _jpeg_quality, "darkness": _darkness}
