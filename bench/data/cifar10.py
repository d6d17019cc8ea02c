"""CIFAR-10 (Krizhevsky, 2009) through torchvision, with 45,000 / 5,000 training and validation images."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path

import torch
from torchvision.datasets import CIFAR10

from bench.data.dataset import DataSet, Split, crop_and_flip
from bench.data.source import DataOptions, Normalisation
from bench.errors import BadInput

SPLIT_SEED = 0
VALIDATION_PART = 10
"""One of so many training images."""
TITLES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
# The ImageNet statistics, as the widely shared public CIFAR ResNet weights expect them.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def normalisation(backbone: str) -> Normalisation:
    """Mean and standard deviation, for every backbone the same."""
    return MEAN, STD


def load(data_dir: Path | None, options: DataOptions | None = None) -> DataSet:
    """CIFAR-10 from ``data_dir`` (the folder that holds ``cifar-10-batches-py``).

    Raises:
        BadInput: no folder, a missing file, or one whose checksum is wrong.
    """
    return load_official(CIFAR10, "cifar10", data_dir)


def download(folder: Path) -> None:
    """Fetches the official archive; torchvision compares its MD5 before anything is unpacked."""
    download_official(CIFAR10, "cifar10", folder)


def load_official(kind: type[CIFAR10], name: str, data_dir: Path | None) -> DataSet:
    """A data set in CIFAR's format, a tenth of its training images for validation.

    Torchvision compares the MD5 of every file with the official one before it unpickles any of them.

    Raises:
        BadInput: no folder, a missing file, or one whose checksum is wrong.
    """
    how = _how_to_get(kind)
    if data_dir is None:
        raise BadInput(f"{name} needs its images: {how}")
    folder = data_dir / kind.base_folder
    if not folder.is_dir():
        raise BadInput(f"no {TITLES[name]} in {data_dir}: {how}")
    try:
        train, test = kind(data_dir, train=True), kind(data_dir, train=False)
    except RuntimeError as error:
        raise BadInput(f"{TITLES[name]} in {folder} is incomplete or corrupt (wrong checksum): {how}") from error
    except OSError as error:
        raise BadInput(f"{error.filename or folder} cannot be read: {error.strerror or error}") from error

    order = torch.randperm(len(train.data), generator=torch.Generator().manual_seed(SPLIT_SEED))
    count = len(train.data) // VALIDATION_PART
    validation, training = order[:count].sort().values, order[count:].sort().values

    def split(source: CIFAR10, indices: torch.Tensor) -> Split:
        images = torch.from_numpy(source.data).permute(0, 3, 1, 2)
        return Split(images[indices], torch.tensor(source.targets)[indices], indices)

    return DataSet(
        name=name,
        classes=tuple(train.classes),
        mean=MEAN,
        std=STD,
        augment=crop_and_flip(padding=4, flip=True),
        train=split(train, training),
        validation=split(train, validation),
        test=split(test, torch.arange(len(test.data))),
        note=f"{len(training):,} training and {count:,} validation images (seed {SPLIT_SEED}), official "
        f"{len(test.data):,} test images",
    )


def download_official(kind: type[CIFAR10], name: str, folder: Path) -> None:
    """Downloads and unpacks a data set in CIFAR's format, unless it is in ``folder`` already.

    Raises:
        BadInput: no connection, a damaged archive, or a folder that cannot be written.
    """
    try:
        with redirect_stdout(sys.stderr):  # torchvision prints its progress among results
            kind(folder, download=True)
    except Exception as error:  # as many types as there are proxies, resolvers and archives
        reason = " ".join(str(error).split())[:160]
        raise BadInput(f"{TITLES[name]} cannot be downloaded ({type(error).__name__}: {reason})") from error


def _how_to_get(kind: type[CIFAR10]) -> str:
    return f"give --data-dir DIR (or BENCH_DATA) with {kind.base_folder} in it, and --download to fetch it there"
