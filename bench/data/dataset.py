"""The one small face that data sets show to training and evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from bench.errors import BadInput
from bench.system.distributed import WHOLE, Shard, all_agree, rank, world_size

Augmentation = Callable[[Tensor, torch.Generator], Tensor]
EVALUATION_BATCH = 250


@dataclass
class LoaderStatistics:
    """What reading files cost in this process and its workers.

    Attributes:
        workers: processes that decode images; 0: this one does.
        images: decoded and transformed so far.
        work_s: seconds that took, summed over workers.
        wait_s: seconds that the network waited for images.
    """

    workers: int
    images: int = 0
    work_s: float = 0.0
    wait_s: float = 0.0

    def reset(self) -> None:
        """Starts to count again."""
        self.images, self.work_s, self.wait_s = 0, 0.0, 0.0

    def summary(self) -> dict:
        """For a record; ``images_per_second`` is what the workers can deliver together."""
        rate = self.images / self.work_s * max(1, self.workers) if self.work_s else None
        waited = round(self.wait_s, 3)
        return {"workers": self.workers, "images": self.images, "images_per_second": rate, "waited_s": waited}


@dataclass(frozen=True)
class Split:
    """Images of one split, in the memory of a processor or an accelerator.

    Attributes:
        images: ``[N, 3, H, W]`` uint8.
        labels: ``[N]`` int64, on the images' device.
        indices: ``[N]`` int64, each image's position in the original data; always in the processor's memory.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int | None) -> Split:
        """The first ``count`` images; with None all of them."""
        return self.at(slice(count))

    def at(self, positions: slice | Sequence[int]) -> Split:
        """Some of the images."""
        return Split(self.images[positions], self.labels[positions], self.indices[positions])

    def to(self, device: torch.device) -> Split:
        """The same images in the memory of ``device``."""
        return Split(self.images.to(device), self.labels.to(device), self.indices)

    def update(self, digest: hashlib._Hash) -> None:
        """Adds to a fingerprint what identifies these images, their labels and order."""
        for tensor in (self.images, self.labels, self.indices):
            digest.update(tensor.cpu().contiguous().numpy().data)

    def unreadable(self, size: int, headers_only: bool) -> list[str]:
        """A line for each image that cannot be read: none, since all are here."""
        return []

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels in their order, ``size`` at a time (the last batch may be smaller)."""
        yield from zip(self.images.split(size), self.labels.split(size))

    def shuffled(
        self,
        size: int,
        generator: torch.Generator,
        augment: Augmentation,
        share: Shard = WHOLE,
        first: int = 0,
        views: int = 1,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch in random order, augmented; an incomplete last batch is left out.

        Args:
            share: of every batch, what this process gets; images and augmentation are the same whoever gets them.
            first: batches before it are passed over.
            views: of each image, each augmented for itself, one behind the other: batches hold ``size * views``.
        """
        order = torch.randperm(len(self), generator=generator)
        for number, start in enumerate(range(0, len(self) - size + 1, size)):
            chosen = order[start : start + size].repeat_interleave(views)
            images, mine = augment(self.images[chosen], generator), share.of(size * views)
            if number >= first:
                yield images[mine], self.labels[chosen][mine]


@dataclass(frozen=True)
class DataSet:
    """A data set with its fixed splits. Models are chosen on ``validation``; ``test`` is read once per record.

    Attributes:
        mean, std: per channel, in units of pixels scaled to [0, 1].
        augment: applied to uint8 training images.
        note: how images were split and where they come from, for captions.
        title: what tables and plots call it, where that says more than the name: which part of a data set it is.
        evaluation_batch: images evaluated at once.
        loader: what reading files cost so far; None where images are in memory.
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
    title: str = ""
    evaluation_batch: int = EVALUATION_BATCH
    loader: LoaderStatistics | None = None

    @property
    def is_subset(self) -> bool:
        """Whether what is published for the data set says nothing about these images."""
        return bool(self.title)

    def to(self, device: torch.device) -> DataSet:
        """The same data set with its images in the memory of ``device``, where they are then augmented too: what would
        cross over for every batch crosses once. Images that are read from files stay there."""
        if self.loader is not None or self.train.images.device == device:
            return self
        return replace(
            self, train=self.train.to(device), validation=self.validation.to(device), test=self.test.to(device)
        )

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 images to what the network sees: float32, channels last in memory."""
        mean = torch.tensor(self.mean, device=images.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(1, 3, 1, 1)
        return images.to(torch.float32, memory_format=torch.channels_last).div_(255).sub_(mean).div_(std)

    def fingerprint(self) -> str:
        """SHA-256 over images, labels and their order in all three splits."""
        return self._fingerprints[-1]

    def training_fingerprint(self) -> str:
        """The same over training and validation images: all that a training depends on."""
        return self._fingerprints[1]

    @cached_property
    def _fingerprints(self) -> list[str]:
        """Of the first split, of the first two, and of all three."""
        digest, found = hashlib.sha256(), []
        for split in (self.train, self.validation, self.test):
            split.update(digest)
            found.append(digest.hexdigest())
        return found

    def require_trainable(self) -> None:
        """Decodes the images that come last, those of validation and test, and looks at the headers of the others.

        Several processes share the images.

        Raises:
            BadInput: no images to train on, or any that cannot be read.
        """
        if not len(self.train):
            raise BadInput(f"{self.name} has no training images: each class needs two or more, one for validation")
        with all_agree():
            if self._unreadable:
                raise BadInput(self._unreadable)

    @cached_property
    def _unreadable(self) -> str:
        found = [
            reason
            for split, headers_only in ((self.test, False), (self.validation, False), (self.train, True))
            for reason in _own(split).unreadable(self.evaluation_batch, headers_only)
        ]
        also = f" (one of at least {len(found):,} such images)" if len(found) > 1 else ""
        return f"{found[0]}{also}" if found else ""


def _own(split: Split) -> Split:
    """The images of a split that this process looks at."""
    return split if world_size() == 1 else split.at(range(rank(), len(split), world_size()))


def crop_and_flip(padding: int, flip: bool) -> Augmentation:
    """Random crop after zero padding, then (optionally) a horizontal flip of half the images.

    Every image of the batch gets its own crop; all crops are gathered in one indexing operation, on the images' device.
    What is random comes from ``generator`` on the processor: the same crops wherever the images are.
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
        rows = (top + torch.arange(height)).to(images.device)
        columns = (left + columns).to(images.device)
        sample = torch.arange(count, device=images.device)
        # Advanced indices around the channel slice move to the front: [N, H, W, C].
        crops = padded[sample[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        return crops.permute(0, 3, 1, 2)

    return augment
