"""The files of ``bench headroom``: findings as JSON, cascades as CSV, one picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from bench.errors import BadInput
from bench.report.drawing import draw
from bench.report.headroom.findings import FILE, Headroom, write_findings
from bench.system.files import write_atomically

NAME = "headroom"


def make_folder(out: Path) -> None:
    """Makes the folder that files go to; called before minutes are spent on them.

    Raises:
        BadInput: it cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot write to {out}: {error.strerror}") from error


def write_headroom(found: Headroom, out: Path) -> list[Path]:
    """Writes ``headroom.json``, ``.csv`` and, where there is a curve, ``.svg`` and ``.png`` into ``out``.

    Raises:
        BadInput: a folder that cannot be written.
    """
    make_folder(out)
    write_findings(out / FILE, found)
    table = cascade_frame(found)
    write_atomically(out / f"{NAME}.csv", lambda path: table.to_csv(path, index=False))
    return [out / FILE, out / f"{NAME}.csv", *draw(NAME, lambda: _makers(found), out)]


def _makers(found: Headroom) -> dict[str, Callable]:
    from bench.report.headroom.picture import headroom_picture  # and with it matplotlib

    return {NAME: lambda: headroom_picture(found)}


def cascade_frame(found: Headroom) -> pd.DataFrame:
    """One row per pair and seed with its oracle, and per budget with its cascade and, if shown, what that gains."""
    pair = ["cheap", "dear", "seed"]
    oracles = pd.DataFrame([asdict(row) for row in found.oracles]).add_prefix("oracle_")
    rows = oracles.rename(columns={f"oracle_{name}": name for name in pair})
    if found.cascades:
        rows = rows.merge(pd.DataFrame([asdict(row) for row in found.cascades]), on=pair, how="left")
    if found.gains:
        gains = pd.DataFrame([asdict(row) for row in found.gains]).pivot(index=[*pair, "budget"], columns="role")
        gains.columns = [f"{role}_{name}" for name, role in gains.columns]
        rows = rows.merge(gains.reset_index(), on=[*pair, "budget"], how="left")
    return rows
