"""What is done on a data set where nobody says otherwise: backbone, operating points and how long things train."""

from __future__ import annotations

from bench.data import DataSetDefaults, load_source


def defaults_for(dataset: str) -> DataSetDefaults:
    """The defaults of a data set.

    Raises:
        BadInput: an unknown data set.
    """
    return load_source(dataset).defaults
