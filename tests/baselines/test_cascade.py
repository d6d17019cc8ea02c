"""Cascades: trained within their epochs, or made of networks that other jobs trained."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from baselines.cascade import ConfidenceCascade
from bench.measurement.conformance import verify_method
from bench.methods.interface import Budget
from bench.networks.backbones import build_backbone

ARGUMENTS = ("--backbone", "resnet8", "--no-timing", "--out", "runs")


@pytest.mark.parametrize("method", [ConfidenceCascade(), ConfidenceCascade(averages=None, rates=(0.5,))])
def test_methods_are_what_they_claim(method):
    assert [one for one in verify_method(method) if not one.passed] == []


def test_the_dense_member_costs_no_epochs():
    network = ConfidenceCascade().build(build_backbone("resnet8", classes=10), 0.5)
    stages = ConfidenceCascade().stages(network, 0.5, Budget(5, pretrained=True))
    assert [stage.epochs for stage in stages] == [3, 2]
    dense = {id(parameter) for parameter in network.members[-1].parameters()}
    assert not any(
        id(parameter) in dense for stage in stages for group in stage.groups for parameter in group.parameters
    )


def read(folder):
    return json.loads((folder / "record.json").read_text()), pd.read_parquet(folder / "samples.parquet")


def test_trained_and_then_of_trained_records(bench_here, tmp_path):
    runs = tmp_path / "runs"
    code, _, error = bench_here("run", "--methods", "l1,cascade", "--points", "0.6", "--epochs", "2", *ARGUMENTS)
    assert code == 0, error
    (trained,), (small,), (dense,) = (list(runs.glob(f"{name}-*")) for name in ("cascade", "l1", "dense"))
    record, samples = read(trained)
    kept = record["details"]["calibration"]["members"]
    assert record["stage_epochs"] == "member 0 1 + member 1 1" and len(record["details"]["members"]) == len(kept) >= 2
    _check(record, samples)

    made = ("run", "--methods", "cascade", "--members", f"{small},{dense}", "--points", "0.7,0.8", "--no-timing")
    code, _, error = bench_here(*made, "--out", "made")
    assert code == 0, error
    small_record, small_samples = read(small)
    for folder in (tmp_path / "made").glob("cascade-*"):
        record, samples = read(folder)
        _check(record, samples)
        members = record["details"]["members"]
        assert [member["job"] for member in members] == [small.name, dense.name]
        assert members[0]["sha256"] == small_record["details"]["files"]["model.safetensors"]["sha256"]
        assert record["stage_epochs"] == "member 0: train 2; member 1: train 2"
        # Who is not passed on has the small network's answer, and paid for that alone.
        stay = samples["exit"] == 0
        assert (samples["prediction"] == small_samples["prediction"])[stay].all()
        assert (samples["macs"] == small_samples["macs"])[stay].all()
        assert (samples["macs"] - small_samples["macs"])[~stay].eq(record["macs_backbone"]).all()
    code, _, error = bench_here("run", "--methods", "l1", "--members", f"{small},{dense}")
    assert code == 2 and "--members is for --methods cascade alone" in error
    code, _, error = bench_here("run", "--members", f"{small},{dense}", "--epochs", "3")
    assert code == 2 and "leave out --epochs" in error
    code, _, error = bench_here("curve", str(folder), "--points", "3")
    assert code == 0, error
    curve = pd.read_csv(folder / "curve.csv").query("split == 'test' and protocol == 'budgeted'").set_index("budget")
    assert curve.loc[record["point"], "macs_mean"] == pytest.approx(record["macs_mean"])
    assert curve["macs_mean"].is_monotonic_increasing


def _check(record, samples):
    assert abs(record["details"]["calibration"]["validation_cost"] - record["point"]) < 0.02
    members = samples.filter(regex=r"^macs_\d+$")
    assert np.array_equal(members.sum(axis=1), samples["macs"]) and set(samples["exit"]) <= set(range(members.shape[1]))
    stopping = record["details"]["stopping"]
    assert stopping["worst_case_macs_fraction"] > 1 and sum(stopping["parameters"]) == record["params"]
    assert len(stopping["parameters"]) == members.shape[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--methods", "cascade", "--members", "a,b"), "cannot read record"),
        (("--methods", "cascade", "--members", "a,b", "--pretrained", "x"), "goes with neither"),
    ],
)
def test_bad_input_is_one_line(bench_here, arguments, message):
    code, _, error = bench_here("run", *arguments)
    assert code == 2 and message in error and error.count("\n") == 1
