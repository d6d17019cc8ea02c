"""What ``bench stress`` measured, as tables: of a report, and of a folder alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bench.records.conditions import SHIFTS, find_conditions, read_conditions
from bench.report.results import Group
from bench.report.tables.shift import shift_tables
from bench.report.tabular import Table, to_markdown
from bench.system.files import write_atomically

FILE = "stress.md"


def stress_tables(group: Group, folders: Sequence[Path]) -> list[Table]:
    """The tables of a report about the networks of ``group``."""
    jobs = [result.job for result in group.results]
    return shift_tables(find_conditions(folders, SHIFTS, jobs), group.name, group.slug)


def write_stress(out: Path) -> list[Path]:
    """Writes ``stress.md`` from the tables in ``out``; returns all files there that hold numbers.

    Raises:
        BadInput: a table that cannot be read, or a folder that cannot be written.
    """
    text = stress_text(out)
    write_atomically(out / FILE, lambda path: path.write_text(text, encoding="utf-8"))
    return [path for path in (out / SHIFTS.file, out / FILE) if path.exists()]


def stress_text(out: Path) -> str:
    """All tables about what was measured into ``out``, in Markdown."""
    tables = _by_backbone(read_conditions(out / SHIFTS.file, SHIFTS))
    return "\n".join(map(to_markdown, tables))


def _by_backbone(rows: pd.DataFrame) -> list[Table]:
    return [
        table
        for (dataset, backbone), own in rows.groupby(["dataset", "backbone"], sort=False)
        for table in shift_tables(own, f"{dataset} / {backbone}", f"{dataset}-{backbone}")
    ]
