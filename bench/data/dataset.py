"""The one small face that data sets show to training and evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Split:
    """Images of one split, in memory.

    Attributes:
        images: ``[N, 3, H, W]`` uint8.
        labels: ``[N]`` int64.
        indices: ``[N]`` int64, each image's position in the original data.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels in their order, ``size`` at a time (the last batch may be smaller)."""
        yield from zip(self.images.split(size), self.labels.split(size))

    def shuffled(self, size: int, generator: torch.Generator, augment: Augmentation) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch in random order, augmented; an incomplete last batch is left out."""
        order = torch.randperm(len(self), generator=generator)
        size = min(size, len(self))
        for start in range(0, len(self) - size + 1, size):
            chosen = order[start : start + size]
            yield augment(self.images[chosen], generator), self.labels[chosen]


@dataclass(frozen=True)
class DataSet:
    """A data set with its fixed splits. Models are chosen on ``validation``; ``test`` is read once per record.

    Attributes:
        mean, std: per channel, in units of pixels scaled to [0, 1].
        augment: applied to uint8 training images.
        note: how images were split and where they come from, for captions.
    """

    name: str
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    augment: Augmentation
    train: Split
    validation: Split
    test: Split
    note: str

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 images to what the network sees: float32, channels last in memory."""
        mean = torch.tensor(self.mean, device=images.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(1, 3, 1, 1)
        return images.to(torch.float32, memory_format=torch.channels_last).div_(255).sub_(mean).div_(std)

    def fingerprint(self) -> str:
        """SHA-256 over images, labels and their order in all three splits."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for split in (self.train, self.validation, self.test):
            for tensor in (split.images, split.labels, split.indices):
                digest.update(tensor.contiguous().numpy().data)
        return digest.hexdigest()


def crop_and_flip(padding: int, flip: bool) -> Augmentation:
    """Random crop after zero padding, then (optionally) a horizontal flip of half the images.

    Every image of the batch gets its own crop; all crops are gathered in one indexing operation.
    """

    def augment(images: Tensor, generator: torch.Generator) -> Tensor:
        count, _, height, width = images.shape
        padded = torch.nn.functional.pad(images, (padding,) * 4)
        top = torch.randint(2 * padding + 1, (count, 1), generator=generator)
        left = torch.randint(2 * padding + 1, (count, 1), generator=generator)
        columns = torch.arange(width).expand(count, width)
        if flip:
            mirrored = torch.rand(count, 1, generator=generator) < 0.5
            columns = torch.where(mirrored, width - 1 - columns, columns)
        rows = top + torch.arange(height)
        columns = left + columns
        sample = torch.arange(count)
        # Advanced indices around the channel slice move to the front: [N, H, W, C].
        crops = padded[sample[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        return crops.permute(0, 3, 1, 2)

    return augment
