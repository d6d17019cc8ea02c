"""Data sets behind one small face."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from bench.data.dataset import DataSet, Split
from bench.errors import BadInput

NAMES = ("digits", "cifar10")

__all__ = ["NAMES", "DataSet", "Split", "load_data"]


def load_data(name: str, data_dir: Path | None) -> DataSet:
    """Loads the data set ``name``.

    Raises:
        BadInput: an unknown name, or images that are missing or corrupt.
    """
    if name not in NAMES:
        raise BadInput(f"unknown data set {name!r}: choose from {', '.join(NAMES)}")
    # Imported on demand: torchvision and scikit-learn take seconds, and most commands read no images.
    return import_module(f"bench.data.{name}").load(data_dir)
