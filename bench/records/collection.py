"""Several records, as Python and notebooks handle them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import overload

import pandas as pd

from bench.errors import BadInput
from bench.records.record import Record, table
from bench.records.store import find_records
from bench.system.validation import shown

SHOWN = (
    "method", "dataset", "backbone", "point", "seed", "top1", "macs_fraction", "speedup_theoretical", "speedup_latency",
    "time_state",
)  # fmt: skip
"""Columns that a notebook shows."""
Folder = str | PathLike[str]


class Records(Sequence[Record]):
    """A sequence of records; ``frame`` is their table."""

    def __init__(self, records: Iterable[Record] = ()):
        self._records = tuple(records)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Records: ...

    def __getitem__(self, index: int | slice) -> Record | Records:
        found = self._records[index]
        return found if isinstance(found, Record) else Records(found)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __repr__(self) -> str:
        return f"<{len(self)} records>"

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each record, with the columns of ``table.csv``."""
        return table(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: the columns that one compares first."""
        return str(self.frame[list(SHOWN)].to_html(index=False, na_rep="", float_format="{:.4g}".format))


def load_records(*folders: Folder | Iterable[Folder]) -> Records:
    """All records below the given folders, in the order of the names of their jobs.

    Args:
        folders: one by one, or in a list.

    Raises:
        BadInput: what is no folder or does not exist, or a record that cannot be read.
    """
    return Records(find_records(folder_paths(*folders)).values())


def folder_paths(*given: Folder | Iterable[Folder]) -> list[Path]:
    """The paths of folders, each given by itself or in a list.

    Raises:
        BadInput: what is no path.
    """
    found: list[Path] = []
    for one in given:
        if isinstance(one, str | PathLike):
            found.append(Path(one))
        elif isinstance(one, Iterable) and not isinstance(one, bytes):
            found += folder_paths(*one)
        else:
            raise BadInput(f"a folder is given by its path, not by {shown(one)}")
    return found
