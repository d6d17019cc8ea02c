"""Data sets behind one small face."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from bench.choices import DATASETS as NAMES
from bench.data.dataset import DataSet, Split
from bench.errors import BadInput

__all__ = ["NAMES", "DataOptions", "DataSet", "Split", "load_data"]


@dataclass(frozen=True)
class DataOptions:
    """How images of files are read; data sets that are held in memory need none of it.

    Attributes:
        backbone: decides size, crop, interpolation and normalisation, as timm has them for it.
        outputs: classes that given weights tell apart; None: the network is made for the classes at hand.
        train_size: height and width of training images; 0: those of test images.
        workers: processes that decode images; None: as many as there are cores to spare.
        prefetch: batches that each worker keeps ready.
    """

    backbone: str = "resnet18"
    outputs: int | None = None
    train_size: int = 0
    workers: int | None = None
    prefetch: int = 2


def load_data(name: str, data_dir: Path | None, options: DataOptions | None = None) -> DataSet:
    """Loads the data set ``name``.

    Raises:
        BadInput: an unknown name, or images that are missing or corrupt.
    """
    if name not in NAMES:
        raise BadInput(f"unknown data set {name!r}: choose from {', '.join(NAMES)}")
    # Imported on demand: torchvision and scikit-learn take seconds, and most commands read no images.
    module = import_module(f"bench.data.{name}")
    return module.load(data_dir, options or DataOptions()) if name == "imagenet" else module.load(data_dir)
