"""What tables of conditions share: names of networks, where rows come from, cells."""

from __future__ import annotations

import pandas as pd

from bench.report.tabular import UNKNOWN, Cell
from bench.report.units import number


def labels(rows: pd.DataFrame) -> pd.Series:
    """Method and point of each row."""
    point = rows["point"].map(lambda value: "" if pd.isna(value) else f" {value:g}")
    return rows["method"] + point


def origins(rows: pd.DataFrame) -> list[str]:
    """With what command, commit and machine rows were measured, a line each; the rows have the whole command."""
    same = ["command", "commit", "machine", "environment_id"]
    return [
        f"{_brief(str(command))}; commit {commit}; {machine}; executor {' and '.join(dict.fromkeys(own['executor']))} "
        f"(environment {environment})"
        for (command, commit, machine, environment), own in rows.groupby(same, sort=False)
    ]


def _brief(command: str) -> str:
    """A command whose folders of runs are one word."""
    before, dashes, options = command.partition(" --")
    return f"{' '.join(before.split()[:2])} RUNS{dashes}{options}"


def number_cell(value: float | None, digits: int = 2, signed: bool = False) -> Cell:
    """A number, or a dash where it is not known."""
    if value is None or pd.isna(value):
        return Cell(UNKNOWN)
    value = round(value, digits) + 0.0  # no minus before a zero
    return Cell(f"{value:+,.{digits}f}" if signed else number(value, digits), value)
