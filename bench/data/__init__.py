"""Data sets behind one small face."""

from bench.data.dataset import DataSet, Split
from bench.data.source import (
    DataOptions,
    DataSetDefaults,
    Source,
    download_data,
    load_data,
    load_source,
    own_normalisation,
)

__all__ = [
    "DataOptions",
    "DataSet",
    "DataSetDefaults",
    "Source",
    "Split",
    "download_data",
    "load_data",
    "load_source",
    "own_normalisation",
]
