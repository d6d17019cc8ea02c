"""``samples.parquet``: what became of every test image."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet

from bench.errors import BadInput

SAMPLES_FILE = "samples.parquet"
MOST_IMAGES = 10_000_000
"""A test set with more is taken for a damaged or hostile file."""


def read_samples(folder: Path) -> pd.DataFrame:
    """The per-image outcomes of one job: ``samples.parquet``.

    Raises:
        BadInput: missing, unreadable, or not what a run writes.
    """
    path = folder / SAMPLES_FILE
    try:
        rows = pyarrow.parquet.read_metadata(path).num_rows
        if not 0 < rows <= MOST_IMAGES:  # a small file may claim any number
            raise ValueError(f"{rows:,} rows")
        samples = pd.read_parquet(path)
    except Exception as error:  # pyarrow reports damage by many exception types
        raise BadInput(f"cannot read {path}: {str(error).strip().partition(chr(10))[0]}") from error
    if wrong := _wrong_column(samples):
        raise BadInput(f"{path} is no table of images: {wrong}")
    return samples


_COLUMNS = {
    "index": "i",
    "label": "i",
    "prediction": "i",
    "correct": "b",
    "confidence": "f",
    "macs": "i",
    "gate_macs": "i",
}
"""Columns of ``samples.parquet`` and the kinds of their values; those that only some networks have follow:
``executed_<block>``, ``kept_<block>``, ``exit``, ``macs_<member>``, and ``milliseconds`` of claims."""
_UNKNOWN_ELSEWHERE = ("confidence", "gate_macs")
"""Of networks that ran elsewhere these may be missing."""
_MORE_COLUMNS = re.compile(r"exit|(executed|kept|macs)_\d{1,4}")


def _wrong_column(samples: pd.DataFrame) -> str:
    """What is wrong with the outcomes of images; empty where nothing is."""
    more = {name: "f" if name.startswith("kept") else "i" for name in samples if _MORE_COLUMNS.fullmatch(str(name))}
    for name, kind in (_COLUMNS | more).items():
        if name not in samples and name in _UNKNOWN_ELSEWHERE:
            continue
        if name not in samples:
            return f"column {name} is missing"
        values = samples[name]
        if values.dtype.kind != kind or not np.isfinite(values).all():
            return f"column {name} holds other things than {_KINDS[kind]}"
        if kind == "i" and (values < 0).any():
            return f"column {name} has values below 0"
    if samples["index"].duplicated().any():
        return "an image stands in it twice"
    if (samples["correct"] != (samples["prediction"] == samples["label"])).any():
        return "an image is correct or wrong against its own prediction and label"
    return ""


_KINDS = {"i": "whole numbers", "f": "finite numbers", "b": "true and false"}
