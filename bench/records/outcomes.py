"""Outcomes of a network that ran elsewhere: a CSV file with a line for each test image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv

from bench.errors import BadInput

REQUIRED, OPTIONAL = ("index", "prediction", "macs"), ("gate_macs", "confidence", "milliseconds", "label")
"""Columns of the file. ``index`` is the image's in our samples, ``prediction`` the number of its class; ``gate_macs``
are part of ``macs``; ``label``, where given, must be ours."""
WHOLE = ("index", "prediction", "macs", "gate_macs", "label")
SPANS = {"macs": np.inf, "gate_macs": np.inf, "confidence": 1.0, "milliseconds": np.inf}
"""Largest value of a column; none may be below 0."""


def read_outcomes(path: Path, images: pd.DataFrame, classes: int) -> pd.DataFrame:
    """The outcomes in a file, as columns of ``samples.parquet``: one row for each of ``images``, in their order.

    Args:
        images: ``index`` and ``label`` of each test image.
        classes: how many there are.

    Raises:
        BadInput: a file that cannot be read; columns that are missing or unknown; what is no number, or none that its
            column can hold; images that are not ours, stand in it twice or are missing; other labels than ours.
    """
    frame = _read(path)
    _require_columns(path, frame)
    _require_values(path, frame)
    _require_images(path, frame, images["index"])
    found = images.merge(frame.astype(dict.fromkeys(set(WHOLE) & set(frame), np.int64)), on="index", validate="1:1")
    if "label_y" in found:
        _refuse(path, found, found["label_x"] != found["label_y"], "another label than ours")
        found = found.drop(columns="label_y").rename(columns={"label_x": "label"})
    _refuse(
        path, found, ~found["prediction"].between(0, classes - 1), f"a prediction that is none of {classes} classes"
    )
    if "gate_macs" in found:
        _refuse(path, found, found["gate_macs"] > found["macs"], "more gate_macs than macs")
    found.insert(3, "correct", found["prediction"] == found["label"])
    return found


def _read(path: Path) -> pd.DataFrame:
    kinds = dict.fromkeys((*REQUIRED, *OPTIONAL), "float64")
    options = pyarrow.csv.ConvertOptions(column_types=kinds, null_values=["", "nan", "NaN", "NA"])
    if not path.is_file():
        raise BadInput(f"no file {path}")
    try:
        return pyarrow.csv.read_csv(path, convert_options=options).to_pandas()
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path}: {str(error).strip().partition(chr(10))[0]}") from error


def _require_columns(path: Path, frame: pd.DataFrame) -> None:
    names = list(frame)
    if missing := [name for name in REQUIRED if name not in names]:
        raise BadInput(f"{path} has no column {missing[0]}: it needs {', '.join(REQUIRED)}")
    if unknown := [name for name in names if name not in (*REQUIRED, *OPTIONAL)]:
        raise BadInput(f"{path} has a column {unknown[0]!r}: known are {', '.join((*REQUIRED, *OPTIONAL))}")
    if len(set(names)) < len(names):
        raise BadInput(f"{path} has a column twice")


def _require_values(path: Path, frame: pd.DataFrame) -> None:
    for name in frame:
        wrong = ~np.isfinite(frame[name]) | (np.abs(frame[name]) >= 2**53)
        _refuse(path, frame, wrong, f"no number in column {name}")
        if name in WHOLE:
            _refuse(path, frame, frame[name] % 1 != 0, f"no whole number in column {name}")
        if name in SPANS:
            above = f" or above {SPANS[name]:g}" if np.isfinite(SPANS[name]) else ""
            _refuse(path, frame, ~frame[name].between(0, SPANS[name]), f"{name} below 0{above}")


def _require_images(path: Path, frame: pd.DataFrame, known: pd.Series) -> None:
    _refuse(path, frame, ~frame["index"].isin(known), "an index that is none of our test images")
    _refuse(path, frame, frame["index"].duplicated(), "an image for the second time")
    if missing := sorted(set(known) - set(frame["index"])):
        raise BadInput(f"{path} lacks {len(missing):,} of {len(known):,} test images, first that of index {missing[0]}")


def _refuse(path: Path, frame: pd.DataFrame, wrong: pd.Series, what: str) -> None:
    """Raises BadInput, naming the first of the rows that are ``wrong``."""
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        index, others = frame["index"].iloc[place], int(wrong.sum()) - 1
        raise BadInput(f"{path} has {what} (index {index:.15g}{f', and {others:,} more' if others else ''})")
