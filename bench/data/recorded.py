"""What would make a number wrong: refused, or said in the record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from bench.data import DataOptions, DataSet, load_source
from bench.errors import BadInput
from bench.records import Record, read_record, require_recorded_file
from bench.system.validation import is_of


def require_same_data(record: Record, data: DataSet) -> None:
    """Raises BadInput where ``record`` was made from other images, labels or splits than ``data``."""
    known = record.details.get("data")
    fingerprint = known.get("fingerprint") if isinstance(known, Mapping) else None
    if fingerprint not in (None, data.fingerprint()):
        raise BadInput(
            f"the record of {record.method} on {record.dataset} was made from other images than those at hand "
            f"(their fingerprints differ): choose another --out, or --fresh with {record.method} among --methods"
        )


def data_options(record: Record) -> DataOptions:
    """How the images of ``record`` have to be read to be the same again.

    Raises:
        BadInput: a record that says it in no way that can be understood.
    """
    config, data = record.details.get("config") or {}, record.details.get("data") or {}
    mean, std = (tuple(config.get(name) or ()) for name in ("mean", "std"))
    if not all(is_of(values, tuple[float, ...]) and len(values) in (0, 3) for values in (mean, std)) or 0 in std:
        raise BadInput(f"the record of {record.method} on {record.dataset} normalises images by no numbers")
    if not load_source(record.dataset).from_files:
        return DataOptions(mean=mean, std=std)
    outputs = data.get("outputs") if isinstance(data, dict) and config.get("start") else None
    return DataOptions(
        backbone=record.backbone, outputs=outputs, train_size=config.get("train_size", 0), mean=mean, std=std
    )


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
