"""What ``bench stress`` and ``bench load`` measured, as tables: of a report, and of a folder alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.records.conditions import ATTACKS, LOAD, SHIFTS, find_conditions, read_conditions
from bench.report.results import Group
from bench.report.tables.attack import attack_tables
from bench.report.tables.load import load_tables
from bench.report.tables.shift import shift_tables
from bench.report.tabular import Table, to_markdown
from bench.system.files import write_atomically

FILE = "stress.md"
_TABLES = {SHIFTS: shift_tables, ATTACKS: attack_tables, LOAD: load_tables}


def stress_tables(group: Group, folders: Sequence[Path]) -> list[Table]:
    """The tables of a report about the networks of ``group``."""
    jobs = [result.job for result in group.results]
    return [
        table
        for kind, make in _TABLES.items()
        for table in make(find_conditions(folders, kind, jobs), group.name, group.slug)
    ]


def write_stress(out: Path) -> list[Path]:
    """Writes ``stress.md`` from the tables in ``out``; returns all files there that hold numbers.

    Raises:
        BadInput: a table that cannot be read, or a folder that cannot be written.
    """
    text = stress_text(out)
    write_atomically(out / FILE, lambda path: path.write_text(text, encoding="utf-8"))
    return [path for path in (*(out / kind.file for kind in _TABLES), out / FILE) if path.exists()]


def stress_text(out: Path) -> str:
    """All tables about what was measured into ``out``, in Markdown."""
    tables = [
        table
        for kind, make in _TABLES.items()
        for (dataset, backbone), own in read_conditions(out / kind.file, kind).groupby(["dataset", "backbone"])
        for table in make(own, f"{dataset} / {backbone}", f"{dataset}-{backbone}")
    ]
    return "\n".join(map(to_markdown, tables))
