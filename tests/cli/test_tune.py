"""``bench tune``: one trained network at another budget, as a record of its own."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch
from program import exit_code

ARGUMENTS = ("--backbone", "resnet8", "--epochs", "1", "--no-timing")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    runs = tmp_path_factory.mktemp("trained")
    arguments = ("run", "--methods", "lcnet,sdn", "--points", "0.7", *ARGUMENTS, "--out", str(runs))
    assert exit_code(*arguments) == 0
    return {name: next(runs.glob(f"{name}-*")) for name in ("dense", "lcnet", "sdn")}


def test_gates_and_exits_are_set_to_a_budget(bench_here, tmp_path, trained):
    for name in ("lcnet", "sdn"):
        source = json.loads((trained[name] / "record.json").read_text())
        code, _, error = bench_here("tune", str(trained[name]), "--budget", "0.8", "--no-timing", "--out", "tuned")
        assert code == 0, error
        (folder,) = (tmp_path / "tuned").glob(f"{name}-*")
        record = json.loads((folder / "record.json").read_text())
        calibration, origin = record["details"]["calibration"], record["details"]["tuned_from"]
        assert record["point"] == 0.8 and calibration["validation_cost"] == pytest.approx(0.8, abs=0.02)
        assert origin["job"] == trained[name].name and origin["point"] == 0.7
        assert origin["sha256"] == source["details"]["files"]["model.safetensors"]["sha256"]
        samples = pd.read_parquet(folder / "samples.parquet")
        assert samples["macs"].mean() / record["macs_backbone"] == pytest.approx(0.8, abs=0.06)
    # A tuned network can be tuned again, and is then of the shape that it was trained in.
    code, _, error = bench_here("tune", str(folder), "--budget", "0.7", "--no-timing", "--out", "again")
    assert code == 0, error
    (again,) = (tmp_path / "again").glob("sdn-*")
    back = pd.read_parquet(again / "samples.parquet")
    pd.testing.assert_frame_equal(back, pd.read_parquet(trained["sdn"] / "samples.parquet"))


def test_what_cannot_be_tuned_is_one_line(bench_here, trained):
    for arguments, message in [
        ((str(trained["dense"]), "--budget", "0.5"), "does not decide by thresholds"),
        ((str(trained["sdn"]), "--budget", "0.01"), "out of reach"),
        ((str(trained["lcnet"]), "--budget", "0.0001"), "out of reach"),
        ((str(trained["sdn"]),), "say what one image may cost"),
        ((str(trained["sdn"]), "--budget", "0.5", "--ms", "1"), "say what one image may cost"),
    ]:
        code, _, error = bench_here("tune", *arguments, "--no-timing", "--out", "tuned")
        assert code == 2 and message in error and error.count("\n") == 1, error


def test_a_budget_of_time(bench_here, tmp_path, trained):
    torch.set_num_threads(1)  # two would wait for each other wherever other tests hold one of two cores
    for _ in range(5):  # so small a network's times waver beside other programs
        code, _, error = bench_here("tune", str(trained["sdn"]), "--ms", "1000", "--no-timing", "--out", "tuned")
        assert code == 2 and "out of reach" in error
        low, high = (float(word) for word in error.split("from ")[1].split(" ms")[0].split(" to "))
        middle = f"{(low + high) / 2:.4f}"
        code, _, error = bench_here("tune", str(trained["sdn"]), "--ms", middle, "--no-timing", "--out", "tuned")
        if code == 0:
            break
    assert code == 0, error
    record = json.loads(next((tmp_path / "tuned").glob("sdn-*/record.json")).read_text())
    assert record["details"]["calibration"]["unit"] == "ms"
    assert record["point"] == pytest.approx(record["macs_fraction"], abs=5e-4)
