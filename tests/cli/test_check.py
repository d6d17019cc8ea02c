"""``bench check``: red when a number moved, and when nothing was compared."""

import pandas as pd
import pytest
from synthetic import Runs

from bench.records import COLUMNS, find_records, table
from bench.records.regression import TableComparison
from bench.records.regression import compare_tables as compare


@pytest.fixture
def runs(tmp_path):
    return Runs(_made(tmp_path / "runs"))


def _table(**changes) -> pd.DataFrame:
    row = dict.fromkeys(COLUMNS) | {
        "method": "lcnet", "dataset": "digits", "backbone": "resnet8", "point": 0.5, "seed": 0,
        "n_test": 500, "top1": 97.0, "macs_mean": 6e6, "macs_backbone": 12e6,
    }  # fmt: skip
    return pd.DataFrame([row | changes], columns=COLUMNS)


def test_equal_tables_agree():
    assert compare(_table(), _table()) == TableComparison([], [], 1)
    assert compare(_table(point=None), _table(point=None)) == TableComparison([], [], 1)


def test_columns_that_are_not_compared_change_nothing():
    """An agreed table may have columns of its own, of any name and number."""
    own = pd.DataFrame({"sides": ["left"]} | {f"note {number}": [number] for number in range(200)})
    assert compare(pd.concat([_table(), own], axis=1), _table()) == TableComparison([], [], 1)


def test_points_match_within_rounding_and_no_further():
    assert compare(_table(point=0.3), _table(point=0.1 + 0.2)).compared == 1
    apart = compare(_table(point=0.3), _table(point=0.3 + 1e-8))
    assert apart.compared == 0 and len(apart.unmatched) == 2


def test_both_sides_are_counted():
    agreed = pd.concat([_table(), _table(method="skipnet"), _table(method="dense", point=None)])
    measured = pd.concat([_table(), _table(seed=1)])
    found = compare(agreed, measured)
    assert (found.differences, found.compared) == ([], 1)
    assert sorted(found.unmatched) == [
        "dense/digits/resnet8/0: agreed, but there is no record",
        "lcnet/digits/resnet8/0.5/1: a record that the agreed table lacks",
        "skipnet/digits/resnet8/0.5/0: agreed, but there is no record",
    ]


def test_rows_without_a_record_fail_unless_they_are_allowed(bench_here, tmp_path, runs):
    runs.add("dense")
    runs.add("lcnet", point=0.5, dynamic=True)
    agreed = table(find_records([runs.folder]).values())
    agreed.to_csv(tmp_path / "agreed.csv", index=False)
    assert bench_here("check", "--against", "agreed.csv", "runs")[0] == 0
    agreed.assign(seed=5).tail(1).to_csv(tmp_path / "agreed.csv", index=False, mode="a", header=False)
    code, out, error = bench_here("check", "--against", "agreed.csv", "runs")
    assert code == 1 and "/5: agreed, but there is no record" in out and "1 differences; 2 records" in error
    code, out, _ = bench_here("check", "--against", "agreed.csv", "runs", "--allow-missing")
    assert code == 0 and "left out, " in out and "2 records in runs agree" in out


def test_two_different_results_of_one_job_are_refused(bench_here, runs, tmp_path):
    for name, top1 in (("a", 80), ("b", 90)):
        runs.add("dense", top1=top1)
        (job,) = runs.folder.glob("digits-*")
        job.rename(_made(runs.folder / name) / "dense-job")
    table(find_records([runs.folder / "a"]).values()).to_csv(tmp_path / "agreed.csv", index=False)
    code, _, error = bench_here("check", "--against", "agreed.csv", "runs")
    assert code == 2 and "runs/a/dense-job and runs/b/dense-job" in error


def _made(folder):
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("column", "value", "agrees"),
    [
        ("top1", 97.04, True), ("top1", 97.2, False), ("top1", None, False),
        ("macs_mean", 6.0001e6, True), ("macs_mean", 6.01e6, False),
        ("macs_backbone", 12e6 + 1, False), ("n_test", 499, False),
    ],
)  # fmt: skip
def test_tolerances(column, value, agrees):
    found = compare(_table(), _table(**{column: value}))
    assert (found.compared, found.unmatched) == (1, []) and (found.differences == []) == agrees
    assert all("lcnet/digits/resnet8/0.5/0" in line and column in line for line in found.differences)


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
