"""Data sets behind one small face."""

from __future__ import annotations

from pathlib import Path

from bench.data import cifar10, digits
from bench.data.dataset import DataSet, Split
from bench.errors import BadInput

LOADERS = {"digits": digits.load, "cifar10": cifar10.load}

__all__ = ["LOADERS", "DataSet", "Split", "load_data"]


def load_data(name: str, data_dir: Path | None) -> DataSet:
    """Loads the data set ``name``.

    Raises:
        BadInput: an unknown name, or images that are missing or corrupt.
    """
    if name not in LOADERS:
        raise BadInput(f"unknown data set {name!r}: choose from {', '.join(LOADERS)}")
    return LOADERS[name](data_dir)
