"""Images in files: decoded by worker processes when they are needed, and forgotten afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from bench.data.decoding import Batch, Decoder, Item, Transform
from bench.data.workers import Loading
from bench.errors import BadInput
from bench.system.distributed import WHOLE, Shard

HASHED_BYTES = 2**30
"""Contents are part of a fingerprint where all files together are no longer than this."""


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
        return self._load(self.transform, self._in_order(size))

    def unreadable(self, size: int, headers_only: bool) -> list[str]:
        """A line for each image that cannot be read.

        Args:
            size: images decoded together, as :meth:`batches` does it.
            headers_only: whether to leave the images themselves unread.
        """
        batches = self._decoded(None if headers_only else self.transform, self._in_order(size))
        return [reason for batch in batches for reason in batch.reasons]

    def shuffled(
        self,
        size: int,
        generator: torch.Generator,
        augment: Transform,
        share: Shard = WHOLE,
        first: int = 0,
        views: int = 1,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """As :meth:`bench.data.dataset.Split.shuffled`; ``augment`` draws for each image from a seed of its own."""
        order = torch.randperm(len(self), generator=generator).repeat_interleave(views).tolist()
        seeds = torch.randint(2**62, (len(order),), generator=generator).tolist()
        drawn, size = list(zip(order, seeds)), size * views
        starts = range(0, len(drawn) - size + 1, size)[first:]
        return self._load(augment, [drawn[start : start + size][share.of(size)] for start in starts])

    def _in_order(self, size: int) -> list[list[Item]]:
        everything: list[Item] = [(position, None) for position in range(len(self))]
        return [everything[start : start + size] for start in range(0, len(self), size)]

    def _load(self, transform: Transform, wanted: list[list[Item]]) -> Iterator[tuple[Tensor, Tensor]]:
        """Decodes lists of (position, seed) one after the other.

        Raises:
            BadInput: a file that cannot be decoded, or workers that cannot work.
        """
        for batch in self._decoded(transform, wanted):
            if batch.reasons:
                raise BadInput(batch.reasons[0])
            assert batch.images is not None
            yield batch.images, torch.tensor(batch.labels)

    def _decoded(self, transform: Transform | None, wanted: list[list[Item]]) -> Iterator[Batch]:
        return self.loading.batches(Decoder(self.root, self.names, self.labels, transform), wanted)
