"""What tests of engines share."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from bench.records import MODEL_FILE, read_samples

DIFFERS = ("created_utc", "command", "environment_id", "threads")


@pytest.fixture
def same_results():
    """Asserts that two folders hold the same jobs with the same results, bit for bit."""

    def check(first: Path, second: Path) -> None:
        names = sorted(path.parent.name for path in first.glob("*/record.json"))
        assert names and names == sorted(path.parent.name for path in second.glob("*/record.json"))
        for one, other in ((first / name, second / name) for name in names):
            pd.testing.assert_frame_equal(read_samples(one), read_samples(other))
            assert (one / MODEL_FILE).read_bytes() == (other / MODEL_FILE).read_bytes()
            assert _record(one) == _record(other)
            epochs = [pd.read_csv(folder / "train.csv").drop(columns="seconds") for folder in (one, other)]
            pd.testing.assert_frame_equal(*epochs)

    return check


def _record(folder: Path) -> dict:
    record = json.loads((folder / "record.json").read_text())
    for name in DIFFERS:
        record.pop(name)
    for name in ("placement", "resources"):
        record["details"].pop(name)
    record["details"]["environment"].pop("cores")
    return record
