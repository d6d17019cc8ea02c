"""Consoles for tables: as wide as numbers need in a narrow terminal, and plain where nobody looks."""

from __future__ import annotations

import os

from rich.console import Console

NARROWEST = 80
"""Columns that tables of numbers are made for: a narrower terminal breaks their lines, it never loses their digits."""
UNLIMITED = 10_000
"""Columns of a pipe or a file, where each row is one line."""


def table_console(narrowest: int = NARROWEST) -> Console:
    """A console that cuts neither names nor numbers, whatever the terminal or ``COLUMNS`` say of its width."""
    console = Console()
    if not console.is_terminal and not _columns():
        console.width = UNLIMITED
    console.width = max(console.width, narrowest)
    return console


def _columns() -> int:
    """``COLUMNS``, where the environment sets it to a number; else 0."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() else 0
