"""One trained network at other thresholds."""

import pandas as pd
import pytest

from bench.zoo.curve import NOTE

ARGUMENTS = ("--methods", "lcnet", "--backbone", "resnet8", "--epochs", "1", "--no-timing", "--out", "runs")


def test_curve_of_a_method_with_thresholds(bench_here, tmp_path):
    assert bench_here("run", *ARGUMENTS)[0] == 0
    (job,) = (tmp_path / "runs").glob("lcnet-*")
    record = pd.read_json(job / "record.json", typ="series")
    code, out, _ = bench_here("curve", f"runs/{job.name}", "--points", "3", "--span", "9")
    assert code == 0 and NOTE in out
    table = pd.read_csv(job / "curve.csv")
    assert table["split"].tolist() == ["validation"] * 3 + ["test"] * 3 and (table["note"] == NOTE).all()
    test = table[table["split"] == "test"].set_index("threshold_shift")
    # At shift 0 it is the network of the record; far below, everything runs; far above, nothing that a gate can skip.
    assert test.loc[0, ["top1", "macs_mean"]].tolist() == pytest.approx([record["top1"], record["macs_mean"]])
    gates = record["gate_macs_mean"]
    assert test.loc[-9, "macs_mean"] >= record["macs_backbone"] > test.loc[9, "macs_mean"] - gates
    assert test["macs_mean"].is_monotonic_decreasing

    (dense,) = (tmp_path / "runs").glob("dense-*")
    code, _, error = bench_here("curve", f"runs/{dense.name}")
    assert code == 2 and "does not decide by thresholds" in error


def test_what_was_measured_is_shown_where_it_cannot_be_written(bench_here, tmp_path, monkeypatch):
    measured = pd.DataFrame({"split": ["test"], "threshold_shift": [0.0], "top1": [91.25], "note": [NOTE]})
    monkeypatch.setattr("bench.zoo.curve.curve", lambda *arguments: measured)
    (tmp_path / "job" / "curve.csv").mkdir(parents=True)
    code, out, error = bench_here("curve", "job")
    assert code == 2 and "91.25" in out
    assert error.startswith("bench: cannot write job/curve.csv: ") and len(error.splitlines()) == 1
