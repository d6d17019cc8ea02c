"""What would make a number wrong: refused, or said in the record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from bench.data import DataSet
from bench.errors import BadInput
from bench.records import Record, read_record
from bench.system.files import file_hash


def require_same_data(record: Record, data: DataSet) -> None:
    """Raises BadInput where ``record`` was made from other images, labels or splits than ``data``."""
    known = record.details.get("data")
    fingerprint = known.get("fingerprint") if isinstance(known, Mapping) else None
    if fingerprint not in (None, data.fingerprint()):
        raise BadInput(
            f"the record of {record.method} on {record.dataset} was made from other images than those at hand "
            "(their fingerprints differ): choose another --out, or --fresh"
        )


def require_recorded_file(folder: Path, name: str, record: Record) -> None:
    """Raises BadInput where a file of a job's folder is not the one that its record was written with."""
    files = record.details.get("files")
    known = files.get(name) if isinstance(files, Mapping) else None
    # Records from before files were named in them are taken as they are.
    if known is not None and (not isinstance(known, Mapping) or known.get("sha256") != file_hash(folder / name)):
        raise BadInput(f"{folder / name} is not the file that its record was written with")


def require_start(folder: Path, name: str, data: DataSet) -> Path:
    """The weights that another job left in ``folder``.

    Raises:
        BadInput: they are missing or changed since, or were trained on other data.
    """
    record = read_record(folder)
    require_same_data(record, data)
    require_recorded_file(folder, name, record)
    return folder / name


def gate_warnings(samples: pd.DataFrame, gated: bool) -> list[str]:
    """What decisions say when they are the same for every test image.

    Args:
        samples: with columns ``executed_<block>`` and ``kept_<block>``.
        gated: whether the network has gates that could decide otherwise.
    """
    executed = samples.filter(regex=r"^executed_\d+$").rename(columns=lambda name: name.removeprefix("executed_"))
    kept = samples.filter(regex=r"^kept_\d+$").rename(columns=lambda name: name.removeprefix("kept_"))
    warnings = []
    if dead := [block for block in executed if not executed[block].any()]:
        warnings.append(f"no test image executes block {', '.join(dead)}")
    if open_ := [block for block in executed if executed[block].all() and (kept[block] == 1).all()]:
        always = f"every test image executes all of block {', '.join(open_)}: no gate, or one that never closes"
        warnings.extend([always] if gated else [])
    return warnings
