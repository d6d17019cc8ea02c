"""Training images by which the ranges of int8 activations are chosen."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from bench.data import DataSet

CALIBRATION_IMAGES, AT_ONCE = 500, 50


def calibration_batches(data: DataSet) -> Iterator[Tensor]:
    """Normalised training images, ``[n, 3, H, W]``, always the same ones: files lie in the order of their classes."""
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))
    chosen = data.train.at(order[:CALIBRATION_IMAGES].tolist())
    return (data.normalise(images) for images, _ in chosen.batches(AT_ONCE))
