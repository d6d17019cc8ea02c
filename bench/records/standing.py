"""``standing.csv``: which records of a folder were measured again by somebody else, and what was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from bench.errors import BadInput
from bench.system.files import write_atomically

STANDING_FILE = "standing.csv"
COLUMNS = ["job", "standing", "reasons", "checked_at_commit"]


def write_standings(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    """Writes what was found about the records below ``folder``, one row each in the order of ``COLUMNS``."""
    frame = pd.DataFrame(rows, columns=COLUMNS)
    write_atomically(folder / STANDING_FILE, lambda path: frame.to_csv(path, index=False))


def read_standings(folders: Iterable[Path]) -> dict[str, str]:
    """What was found about records below ``folders``, by the names of their jobs' folders.

    Raises:
        BadInput: a file that is no such table.
    """
    found: dict[str, str] = {}
    for file in sorted(file for folder in folders for file in folder.rglob(STANDING_FILE)):
        try:
            frame = pd.read_csv(file, dtype=str)
            found |= dict(zip(frame["job"], frame["standing"]))
        except (OSError, ValueError, KeyError) as error:
            raise BadInput(f"cannot read {file}: {error}") from error
    return found
