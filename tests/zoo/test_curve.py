"""One trained network at other budgets."""

import numpy as np
import pandas as pd
import pytest
from synthetic import quick_run

from bench.errors import BadInput
from bench.records.curves import COLUMNS, NOTE, read_curve


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """LC-Net and early exits, both hardly trained."""
    return quick_run(tmp_path_factory.mktemp("curves") / "runs", "lcnet,early_exit", epochs=1)


def curve_of(bench_here, runs, method, *arguments):
    (job,) = runs.glob(f"{method}-*")
    code, out, error = bench_here("curve", str(job), *arguments)
    assert code == 0, error
    return job, out, pd.read_csv(job / "curve.csv")


def test_curve_of_a_method_with_thresholds(bench_here, runs):
    job, out, table = curve_of(bench_here, runs, "lcnet", "--points", "3", "--span", "9")
    record = pd.read_json(job / "record.json", typ="series")
    assert NOTE in out and tuple(table) == COLUMNS
    shifted = table[table["protocol"] == "shifted"]
    assert shifted["split"].tolist() == ["validation"] * 3 + ["test"] * 3
    test = shifted[shifted["split"] == "test"].set_index("threshold_shift")
    # At shift 0 it is the network of the record; far below, everything runs; far above, nothing that a gate can skip.
    assert test.loc[0, ["top1", "macs_mean"]].tolist() == pytest.approx([record["top1"], record["macs_mean"]])
    gates = record["gate_macs_mean"]
    assert test.loc[-9, "macs_mean"] >= record["macs_backbone"] > test.loc[9, "macs_mean"] - gates
    assert test["macs_mean"].is_monotonic_decreasing
    # A budget takes the shift that is best on validation images, and within the budget there.
    chosen = table[(table["protocol"] == "budgeted") & (table["split"] == "validation")]
    assert len(chosen) and (chosen["macs_fraction"] <= chosen["budget"]).all()
    assert chosen["top1"].is_monotonic_increasing and set(chosen["threshold_shift"]) <= {-9.0, 0.0, 9.0}


def test_curve_of_a_network_that_stops_early(bench_here, runs):
    job, _, table = curve_of(bench_here, runs, "early_exit")
    record = pd.read_json(job / "record.json", typ="series")
    stopping = record["details"]["stopping"]
    anytime = table[(table["protocol"] == "anytime") & (table["split"] == "test")]
    assert anytime["answer"].tolist() == list(range(len(stopping["answers"])))
    known = [answer["top1_of_all"] for answer in stopping["answers"]]
    np.testing.assert_allclose(anytime["top1"], known, atol=1e-6)
    assert anytime["macs_fraction"].is_monotonic_increasing
    budgeted = table[(table["protocol"] == "budgeted") & (table["split"] == "validation")]
    assert len(budgeted) > 5 and (budgeted["macs_fraction"] <= budgeted["budget"] + 1e-9).all()
    # At the record's own point it is the record's network.
    own = table[(table["protocol"] == "budgeted") & (table["split"] == "test") & (table["budget"] == record["point"])]
    assert own[["top1", "macs_fraction"]].to_numpy()[0] == pytest.approx([record["top1"], record["macs_fraction"]])


def test_the_report_shows_curves(bench_here, runs, tmp_path):
    curve_of(bench_here, runs, "early_exit")
    code, _, error = bench_here("report", str(runs), "--out", "report", "--format", "md")
    assert code == 0, error
    assert "one training, other budgets" in (tmp_path / "report" / "report.md").read_text()
    assert list((tmp_path / "report").glob("curves-*.svg"))


def test_without_thresholds_there_is_no_curve(bench_here, runs):
    (dense,) = runs.glob("dense-*")
    code, _, error = bench_here("curve", str(dense))
    assert code == 2 and "does not decide by thresholds" in error


def test_a_curve_of_another_form_is_refused(tmp_path):
    assert read_curve(tmp_path) is None
    (tmp_path / "curve.csv").write_text("split,top1\ntest,90\n")
    with pytest.raises(BadInput, match=r"has no protocol, .*: make it anew"):
        read_curve(tmp_path)


def test_what_was_measured_is_shown_where_it_cannot_be_written(bench_here, tmp_path, monkeypatch):
    measured = pd.DataFrame({"split": ["test"], "threshold_shift": [0.0], "top1": [91.25]})
    monkeypatch.setattr("bench.zoo.curve.curve", lambda *arguments: measured)
    (tmp_path / "job" / "curve.csv").mkdir(parents=True)
    code, out, error = bench_here("curve", "job")
    assert code == 2 and "91.25" in out
    assert error.startswith("bench: cannot write job/curve.csv: ") and len(error.splitlines()) == 1
