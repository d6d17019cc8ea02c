"""``bench check``: red when a number moved, and when nothing was compared."""

import pandas as pd
import pytest

from bench.records import COLUMNS
from bench.records.regression import compare_tables as compare


def _table(**changes) -> pd.DataFrame:
    row = dict.fromkeys(COLUMNS) | {
        "method": "lcnet", "dataset": "digits", "backbone": "resnet8", "point": 0.5, "seed": 0,
        "n_test": 500, "top1": 97.0, "macs_mean": 6e6, "macs_backbone": 12e6,
    }  # fmt: skip
    return pd.DataFrame([row | changes], columns=COLUMNS)


def test_equal_tables_agree():
    assert compare(_table(), _table()) == ([], 1)
    assert compare(_table(point=None), _table(point=None)) == ([], 1)


@pytest.mark.parametrize(
    ("column", "value", "agrees"),
    [
        ("top1", 97.04, True), ("top1", 97.2, False), ("top1", None, False),
        ("macs_mean", 6.0001e6, True), ("macs_mean", 6.01e6, False),
        ("macs_backbone", 12e6 + 1, False), ("n_test", 499, False),
    ],
)  # fmt: skip
def test_tolerances(column, value, agrees):
    differences, compared = compare(_table(), _table(**{column: value}))
    assert compared == 1 and (differences == []) == agrees
    assert all("lcnet/digits/resnet8/0.5/0" in line and column in line for line in differences)


def test_nothing_compared_is_a_failure(bench_here, tmp_path):
    (tmp_path / "runs").mkdir()
    _table().to_csv(tmp_path / "agreed.csv", index=False)
    code, _, error = bench_here("check", "--against", "agreed.csv", "runs")
    assert code == 1 and "nothing was compared" in error


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n"])
def test_a_broken_table_is_bad_input(bench_here, tmp_path, content):
    (tmp_path / "runs").mkdir()
    (tmp_path / "agreed.csv").write_text(content)
    code, _, error = bench_here("check", "--against", "agreed.csv", "runs")
    assert code == 2 and len(error.strip().splitlines()) == 1
