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

    (job / "curve.csv").unlink()
    (job / "curve.csv").mkdir()
    code, shown, error = bench_here("curve", f"runs/{job.name}", "--points", "3", "--span", "9")
    assert code == 2 and "cannot write" in error and "curve.csv" in error
    assert out.startswith(shown), "what was measured is shown all the same"

    (dense,) = (tmp_path / "runs").glob("dense-*")
    code, _, error = bench_here("curve", f"runs/{dense.name}")
    assert code == 2 and "does not decide by thresholds" in error
