"""What is done on a data set where nobody says otherwise: backbone, operating points and how long things train."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.data import DataSetDefaults


def defaults_for(dataset: str) -> DataSetDefaults:
    """The defaults of a data set.

    Raises:
        BadInput: an unknown data set.
    """
    from bench.data import load_source  # and with it torch, which --help does without

    return load_source(dataset).defaults
