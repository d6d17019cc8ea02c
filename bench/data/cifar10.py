"""CIFAR-10 (Krizhevsky, 2009) through torchvision, with 45,000 / 5,000 training and validation images."""

from __future__ import annotations

from pathlib import Path

import torch
from torchvision.datasets import CIFAR10

from bench.data.dataset import DataSet, Split, crop_and_flip
from bench.errors import BadInput

SPLIT_SEED = 0
VALIDATION_SIZE = 5000
# The ImageNet statistics, as the widely shared public CIFAR ResNet weights expect them.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

HOW_TO_GET_IT = (
    "give --data-dir DIR (or BENCH_DATA) with cifar-10-batches-py in it, or download it: "
    "python -c \"from torchvision.datasets import CIFAR10; CIFAR10('DIR', download=True)\""
)


def normalisation(backbone: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation, for every backbone the same."""
    return MEAN, STD


def load(data_dir: Path | None) -> DataSet:
    """CIFAR-10 from ``data_dir`` (the folder that holds ``cifar-10-batches-py``).

    Torchvision compares the MD5 of every file with the official one before it unpickles any of them.

    Raises:
        BadInput: no folder, a missing file, or one whose checksum is wrong.
    """
    if data_dir is None:
        raise BadInput(f"cifar10 needs its images: {HOW_TO_GET_IT}")
    folder = data_dir / CIFAR10.base_folder
    if not folder.is_dir():
        raise BadInput(f"no CIFAR-10 in {data_dir}: {HOW_TO_GET_IT}")
    try:
        train, test = CIFAR10(data_dir, train=True), CIFAR10(data_dir, train=False)
    except RuntimeError as error:
        raise BadInput(f"CIFAR-10 in {folder} is incomplete or corrupt (wrong checksum): {HOW_TO_GET_IT}") from error
    except OSError as error:
        raise BadInput(f"{error.filename or folder} cannot be read: {error.strerror or error}") from error

    order = torch.randperm(len(train.data), generator=torch.Generator().manual_seed(SPLIT_SEED))
    validation, training = order[:VALIDATION_SIZE].sort().values, order[VALIDATION_SIZE:].sort().values

    def split(source: CIFAR10, indices: torch.Tensor) -> Split:
        images = torch.from_numpy(source.data).permute(0, 3, 1, 2)
        return Split(images[indices], torch.tensor(source.targets)[indices], indices)

    return DataSet(
        name="cifar10",
        classes=tuple(train.classes),
        mean=MEAN,
        std=STD,
        augment=crop_and_flip(padding=4, flip=True),
        train=split(train, training),
        validation=split(train, validation),
        test=split(test, torch.arange(len(test.data))),
        note=f"45,000 training and 5,000 validation images (seed {SPLIT_SEED}), official 10,000 test images",
    )
