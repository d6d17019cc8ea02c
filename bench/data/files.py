"""Images in files: decoded by worker processes when they are needed, and forgotten afterwards."""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from bench.data.dataset import LoaderStatistics
from bench.errors import BadInput
from bench.system.distributed import WHOLE, Share, processes

Transform = Callable[[Image.Image], Tensor]
"""An RGB image to uint8 ``[3, H, W]``; draws, if it does, from torch's global generator."""
HASHED_BYTES = 2**30
"""Contents are part of a fingerprint where all files together are no longer than this."""
LARGEST_DEFAULT = 12
"""Worker processes: more than these no single GPU keeps waiting for."""


@dataclass(frozen=True)
class Loading:
    """How files become batches; shared by the splits of a data set."""

    workers: int
    prefetch: int
    statistics: LoaderStatistics

    @classmethod
    def choose(cls, workers: int | None, prefetch: int) -> Loading:
        """With ``workers`` processes, or as many as this process has cores to spare."""
        if workers is None:
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            workers = min(LARGEST_DEFAULT, max(1, cores // processes() - 1))
        return cls(workers, prefetch, LoaderStatistics(workers))


@dataclass(frozen=True)
class FileSplit:
    """Images of one split, in files below ``root``; the face of :class:`bench.data.dataset.Split`.

    Attributes:
        names: ``[N]``, relative to ``root``, with forward slashes.
        labels: ``[N]`` int64.
        indices: ``[N]`` int64, each image's position among the sorted names of its folder.
        transform: for evaluation.
        hashed: whether a fingerprint covers the files' contents, besides names and sizes.
    """

    root: Path
    names: Sequence[str]
    labels: Tensor
    indices: Tensor
    transform: Transform = field(repr=False)
    loading: Loading = field(repr=False)
    hashed: bool = True

    def __len__(self) -> int:
        return len(self.names)

    @property
    def images(self) -> Tensor:
        """All of them, decoded now and held in memory: ``[N, 3, H, W]`` uint8. For a few images only."""
        return torch.cat([images for images, _ in self.batches(64)])

    def first(self, count: int | None) -> FileSplit:
        """The first ``count`` images; with None all of them."""
        return self.at(range(len(self))[:count])

    def at(self, positions: Sequence[int]) -> FileSplit:
        """Some of the images."""
        chosen = list(positions)
        names = [self.names[position] for position in chosen]
        rest = (self.transform, self.loading, self.hashed)
        return FileSplit(self.root, names, self.labels[chosen], self.indices[chosen], *rest)

    def update(self, digest: hashlib._Hash) -> None:
        """Adds names, sizes, labels and, where ``hashed``, contents to a fingerprint."""
        for name, label in zip(self.names, self.labels.tolist()):
            path = self.root / name
            digest.update(f"{name} {path.stat().st_size} {label}\n".encode())
            if self.hashed:
                digest.update(path.read_bytes())

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels in their order, ``size`` at a time (the last batch may be smaller)."""
        wanted = [[(position, None) for position in range(len(self))[start:][:size]] for start in self._starts(size)]
        return self._load(self.transform, wanted)

    def shuffled(
        self,
        size: int,
        generator: torch.Generator,
        augment: Transform,
        share: Share = WHOLE,
        first: int = 0,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """As :meth:`bench.data.dataset.Split.shuffled`; ``augment`` draws for each image from a seed of its own."""
        order = torch.randperm(len(self), generator=generator).tolist()
        seeds = torch.randint(2**62, (len(self),), generator=generator).tolist()
        drawn = list(zip(order, seeds))
        starts = range(0, len(self) - size + 1, size)[first:]
        return self._load(augment, [drawn[start : start + size][share.of(size)] for start in starts])

    def _starts(self, size: int) -> range:
        return range(0, len(self), size)

    def _load(self, transform: Transform, wanted: list[list]) -> Iterator[tuple[Tensor, Tensor]]:
        """Decodes lists of (position, seed) one after the other.

        Raises:
            BadInput: a file that cannot be decoded.
        """
        how, workers = self.loading, min(self.loading.workers, len(wanted))
        loader = DataLoader(
            _Decoder(self.root, self.names, self.labels, transform),
            batch_sampler=wanted,
            collate_fn=_collate,
            num_workers=workers,
            prefetch_factor=how.prefetch if workers else None,
            pin_memory=torch.cuda.is_available(),
        )
        batches, told = iter(loader), how.statistics
        while True:
            begin = time.perf_counter()
            batch = next(batches, None)
            told.wait_s += time.perf_counter() - begin
            if batch is None:
                return
            images, labels, seconds, broken = batch
            if broken:
                raise BadInput(broken)
            told.images += len(labels)
            told.work_s += seconds
            yield images, labels


class _Decoder(Dataset):
    """(position, seed) to image, label, seconds and, where there is no image, why."""

    def __init__(self, root: Path, names: Sequence[str], labels: Tensor, transform: Transform):
        self.root, self.names, self.labels, self.transform = root, names, labels, transform

    def __getitem__(self, item: tuple[int, int | None]) -> tuple[Tensor | None, int, float, str]:
        (position, seed), begin = item, time.perf_counter()
        label = int(self.labels[position])
        try:
            # What is wrong with an image is told in the one line below, or does not matter.
            with warnings.catch_warnings(action="ignore"), Image.open(self.root / self.names[position]) as image:
                pixels = _seeded(self.transform, image.convert("RGB"), seed)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            # Told, not raised: a worker's exception would come back as a page of tracebacks.
            return None, label, 0.0, f"{self.root / self.names[position]} is no image that can be read: {error}"
        return pixels, label, time.perf_counter() - begin, ""


def _seeded(transform: Transform, image: Image.Image, seed: int | None) -> Tensor:
    """What ``transform`` draws depends on ``seed`` alone: not on the process, the worker or the batch."""
    if seed is None:
        return transform(image)
    before = torch.default_generator.get_state()
    torch.default_generator.manual_seed(seed)
    try:
        return transform(image)
    finally:
        torch.default_generator.set_state(before)


def _collate(items: list[tuple]) -> tuple[Tensor | None, Tensor, float, str]:
    pixels, labels, seconds, reasons = zip(*items)
    broken = next((reason for reason in reasons if reason), "")
    images = None if broken else torch.stack(pixels)
    return images, torch.tensor(labels), sum(seconds), broken
