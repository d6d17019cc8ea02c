"""scikit-learn's embedded handwritten digits as 3x16x16 images: the offline default.

1,797 grey images of 8x8 pixels from the UCI "Optical Recognition of Handwritten Digits" test set (Alpaydin and Kaynak,
1998). Small and easy: it shows that everything works end to end, and says little about natural images.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from bench.data.dataset import DataSet, Split, crop_and_flip
from bench.data.sets.digits import SOURCE
from bench.data.source import DataOptions, Normalisation

SPLIT_SEED = 0
TEST_SIZE, VALIDATION_SIZE = 500, 200
MEAN, STD = (0.305, 0.305, 0.305), (0.33, 0.33, 0.33)


def normalisation(backbone: str) -> Normalisation:
    """Mean and standard deviation, for every backbone the same."""
    return MEAN, STD


def load(data_dir: Path | None = None, options: DataOptions | None = None) -> DataSet:
    """The digits with a fixed stratified split: 1,097 training, 200 validation, 500 test images.

    Both arguments are ignored: the images are part of scikit-learn.
    """
    digits = load_digits()
    pixels = torch.from_numpy(digits.images).float()[:, None] * (255 / 16)
    pixels = torch.nn.functional.interpolate(
        pixels, size=(SOURCE.image_size,) * 2, mode="bilinear", align_corners=False
    )
    images = pixels.round().to(torch.uint8).expand(-1, 3, -1, -1).contiguous()
    labels = torch.from_numpy(digits.target).long()

    everything = np.arange(len(labels))
    rest, test = train_test_split(everything, test_size=TEST_SIZE, stratify=digits.target, random_state=SPLIT_SEED)
    train, validation = train_test_split(
        rest, test_size=VALIDATION_SIZE, stratify=digits.target[rest], random_state=SPLIT_SEED
    )

    def split(indices: np.ndarray) -> Split:
        chosen = torch.from_numpy(np.sort(indices))
        return Split(images[chosen], labels[chosen], chosen)

    return DataSet(
        name="digits",
        classes=tuple(str(digit) for digit in range(10)),
        mean=MEAN,
        std=STD,
        augment=crop_and_flip(padding=1, flip=False),
        train=split(train),
        validation=split(validation),
        test=split(test),
        note=f"stratified split {len(train)}/{len(validation)}/{len(test)}, seed {SPLIT_SEED}",
    )
