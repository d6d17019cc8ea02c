"""A handful of images in ImageNet's folder layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SYNSETS = ("n01440764", "n02102040", "n03888257")
CLASSES = ("tench", "cocker spaniel", "organ")
OFFICIAL = (0, 217, 701)
TRAIN, TEST = 14, 6


@pytest.fixture
def image_folders(tmp_path) -> Path:
    """Three classes, each a colour in noise."""
    generator = np.random.default_rng(0)
    folder = tmp_path / "three-classes"
    for number, synset in enumerate(SYNSETS):
        for split, count in (("train", TRAIN), ("val", TEST)):
            (folder / split / synset).mkdir(parents=True)
            for index in range(count):
                pixels = generator.integers(0, 120, (40, 48 + index, 3))
                pixels[:, :, number] += 120
                prefix = "ILSVRC2012_val_" if split == "val" and index else f"{synset}_"
                Image.fromarray(pixels.astype(np.uint8)).save(folder / split / synset / f"{prefix}{index}.JPEG")
    return folder


@pytest.fixture
def divided(image_folders) -> Path:
    """``train`` and ``val`` with classes of any names."""
    for split in ("train", "val"):
        for synset, name in zip(SYNSETS, CLASSES):
            (image_folders / split / synset).rename(image_folders / split / name)
    return image_folders


@pytest.fixture
def whole(divided, tmp_path) -> Path:
    """The classes alone."""
    return (divided / "train").rename(tmp_path / "animals")
