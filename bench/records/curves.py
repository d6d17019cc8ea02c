"""Curves of one trained network at other settings: what ``bench curve`` writes beside a record."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bench.errors import BadInput

CURVE_FILE = "curve.csv"
ANYTIME, BUDGETED, SHIFTED = "anytime", "budgeted", "shifted"
"""All images take the same answer; thresholds set for a budget on validation images; thresholds moved together."""
COLUMNS = ("split", "protocol", "answer", "budget", "threshold_shift", "top1", "macs_mean", "macs_fraction")
"""``top1`` in percent, ``macs_fraction`` of the dense backbone's. One of the three settings is given, by protocol."""
NOTE = "one training, settings changed afterwards; chosen on validation images where they meet a budget"


def read_curve(folder: Path) -> pd.DataFrame | None:
    """The curve in a job's folder; None where ``bench curve`` was not run.

    Raises:
        BadInput: it cannot be read, or is of another form.
    """
    path = folder / CURVE_FILE
    if not path.exists():
        return None
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    if missing := [name for name in COLUMNS if name not in table]:
        raise BadInput(f"{path} has no {', '.join(missing)}: make it anew with bench curve {folder.name}")
    return table
