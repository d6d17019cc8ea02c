"""Data sets behind one small face."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from bench.choices import DATASETS as NAMES
from bench.data.dataset import DataSet, Split
from bench.errors import BadInput

__all__ = ["NAMES", "DataOptions", "DataSet", "Split", "load_data", "own_normalisation"]


@dataclass(frozen=True)
class DataOptions:
    """How images are read; data sets that are held in memory need only ``mean`` and ``std``.

    Attributes:
        backbone: decides size, crop, interpolation and normalisation, as timm has them for it.
        outputs: classes that given weights tell apart; None: the network is made for the classes at hand.
        train_size: height and width of training images; 0: those of test images.
        workers: processes that decode images; None: as many as there are cores to spare.
        prefetch: batches that each worker keeps ready.
        mean: what images are normalised with, per channel, as given weights may want it; empty: the data set's own.
        std: likewise.
    """

    backbone: str = "resnet18"
    outputs: int | None = None
    train_size: int = 0
    workers: int | None = None
    prefetch: int = 2
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


def own_normalisation(name: str, backbone: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation that the data set ``name`` is normalised with where nobody says otherwise."""
    return import_module(f"bench.data.{name}").normalisation(backbone)


def load_data(name: str, data_dir: Path | None, options: DataOptions | None = None) -> DataSet:
    """Loads the data set ``name``.

    Raises:
        BadInput: an unknown name, or images that are missing or corrupt.
    """
    if name not in NAMES:
        raise BadInput(f"unknown data set {name!r}: choose from {', '.join(NAMES)}")
    # Imported on demand: torchvision and scikit-learn take seconds, and most commands read no images.
    module = import_module(f"bench.data.{name}")
    options = options or DataOptions()
    data = module.load(data_dir, options) if name == "imagenet" else module.load(data_dir)
    return replace(data, mean=tuple(options.mean), std=tuple(options.std)) if options.mean else data
