"""CIFAR-100 (Krizhevsky, 2009): CIFAR-10's format and split, 100 classes of 600 images."""

from __future__ import annotations

from pathlib import Path

from torchvision.datasets import CIFAR100

from bench.data.cifar10 import MEAN, STD, download_official, load_official
from bench.data.dataset import DataSet
from bench.data.source import DataOptions, DataSetDefaults, Normalisation, Source

SOURCE = Source(
    __name__,
    DataSetDefaults(
        "resnet20",
        {
            "quick": {"epochs": 6, "backbone_epochs": 30, "batch_size": 128},
            "paper": {"epochs": 190, "backbone_epochs": 200, "batch_size": 128},
        },
    ),
)


def normalisation(backbone: str) -> Normalisation:
    """Mean and standard deviation, for every backbone the same, and CIFAR-10's: weights move between the two."""
    return MEAN, STD


def load(data_dir: Path | None, options: DataOptions) -> DataSet:
    """CIFAR-100 from ``data_dir`` (the folder that holds ``cifar-100-python``).

    Raises:
        BadInput: no folder, a missing file, or one whose checksum is wrong.
    """
    return load_official(CIFAR100, "cifar100", data_dir)


def download(folder: Path) -> None:
    """Fetches the official archive; torchvision compares its MD5 before anything is unpacked."""
    download_official(CIFAR100, "cifar100", folder)
