"""One image file to pixels: what cannot be shown as it was meant is refused, in one line."""

from __future__ import annotations

import io
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

Transform = Callable[[Image.Image], Tensor]
"""An RGB image to uint8 ``[3, H, W]``; draws, if it does, from torch's global generator."""
Item = tuple[int, int | None]
"""An image's position in its split, and the seed of what its transform draws."""
LARGEST_RATIO = 100
"""Of the longer side to the shorter one. Resizing brings the shorter side to hundreds of pixels first: from 1 x 65,000
that would be an image of 12 GiB."""
BEYOND_8_BITS = ("I", "F")
"""First letters of Pillow's modes whose values it would cut off at 255."""
BLANK_BYTES = 64
"""A file that ends in so many zeros before its image does was not written to its end."""


class Decoded(NamedTuple):
    """``pixels`` is None where there is no image, and ``reason`` says why."""

    pixels: Tensor | None
    label: int
    seconds: float
    reason: str = ""


class Batch(NamedTuple):
    """``images`` is None where one of them cannot be read; ``reasons`` has a line for each that cannot."""

    images: Tensor | None
    labels: list[int]
    seconds: float
    reasons: list[str]


class Decoder(Dataset):
    """Images of one split by their position. With no ``transform`` only headers are read, and there are no pixels."""

    def __init__(self, root: Path, names: Sequence[str], labels: Tensor, transform: Transform | None):
        self.root, self.names, self.labels, self.transform = root, names, labels, transform

    def __getitem__(self, item: Item) -> Decoded:
        (position, seed), begin = item, time.perf_counter()
        path, label = self.root / self.names[position], int(self.labels[position])
        try:
            # What is wrong with an image is told in the one line below, or does not matter.
            with warnings.catch_warnings(action="ignore"):
                pixels = _header(path) if self.transform is None else _pixels(path, self.transform, seed)
        except Exception as error:  # decoders of damaged files raise many types
            # Told, not raised: a worker's exception would come back as a page of tracebacks.
            return Decoded(None, label, 0.0, f"{path} is no image that can be read: {_why(error)}")
        return Decoded(pixels, label, time.perf_counter() - begin)


def _header(path: Path) -> Tensor:
    with Image.open(path) as image:
        _require_usable(image)
    return torch.empty(0, dtype=torch.uint8)


def _pixels(path: Path, transform: Transform, seed: int | None) -> Tensor:
    content = path.read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        _require_usable(image)
        _require_written_to_its_end(image.format, content)
        return _seeded(transform, image.convert("RGB"), seed)


def _require_usable(image: Image.Image) -> None:
    """Raises ValueError where the pixels would take too much memory, or would not keep their values."""
    if max(image.size) > LARGEST_RATIO * min(image.size):
        width, height = image.size
        raise ValueError(f"{width:,} x {height:,} pixels, one side over {LARGEST_RATIO} times the other")
    if image.mode.startswith(BEYOND_8_BITS):
        raise ValueError(f"more than 8 bits for each colour (mode {image.mode}) would be cut off")


def _require_written_to_its_end(kind: str | None, content: bytes) -> None:
    """Raises ValueError for a JPEG whose last blocks are zeros: they would be decoded, as a grey area."""
    blank = not any(content[-BLANK_BYTES:])
    if kind == "JPEG" and blank and content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda"):
        raise ValueError("its end is nothing but zeros")


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


def _why(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "out of memory"
    # A name of the buffer that the file was read into says nothing.
    if isinstance(error, Image.UnidentifiedImageError):
        return "it is of no known format"
    return (
        os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error) or type(error).__name__
    )


def collate(items: list[Decoded]) -> Batch:
    """Items as one batch. In a worker its images are in shared memory from here on: what fails there can be told."""
    pixels, labels, seconds, reasons = zip(*items)
    broken = [reason for reason in reasons if reason]
    images = None if broken else torch.stack(pixels)
    if images is not None and get_worker_info() is not None:
        try:
            images.share_memory_()
        except RuntimeError as error:
            images, broken = None, [f"images cannot be passed on through shared memory: {error}"]
    return Batch(images, list(labels), sum(seconds), broken)
