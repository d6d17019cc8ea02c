"""What would fail behind training is told before it: nothing is trained, and nothing is left behind."""

import pytest
import torch
from safetensors.torch import save_file

from bench.execution.native import targets
from bench.networks.backbones import build_backbone
from bench.records import find_records

TINY = ("--backbone", "resnet8-w0.25", "--no-timing", "--device", "cpu")


def _is_refused_before_training(bench_here, folder, *arguments) -> str:
    code, out, error = bench_here("run", *TINY, *arguments, "--out", "runs")
    assert (code, out) == (2, "") and len(error.strip().splitlines()) == 1
    assert not list((folder / "runs").glob("*-digits-*"))
    return error


def test_batches_larger_than_the_training_set(bench_here, tmp_path):
    large = ("--methods", "dense", "--batch-size", "5000")
    error = _is_refused_before_training(bench_here, tmp_path, *large, "--epochs", "1")
    assert "1097 training images do not fill one batch of 5000" in error
    assert bench_here("run", *TINY, *large, "--epochs", "0", "--out", "untrained")[0] == 0


@pytest.mark.skipif(not targets(), reason="the compiled executor was not built: no compiler")
def test_an_executor_that_cannot_run_a_method(bench_here, tmp_path):
    arguments = ("--methods", "dense,fbs", "--epochs", "1", "--executor", "native")
    assert "--executor native cannot run fbs" in _is_refused_before_training(bench_here, tmp_path, *arguments)


def test_an_executor_that_was_not_built(bench_here, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.runs.preflight.targets", lambda: ())
    arguments = ("--methods", "dense", "--epochs", "1", "--executor", "native")
    assert "was not built" in _is_refused_before_training(bench_here, tmp_path, *arguments)


def test_a_compiler_that_is_not_there(bench_here, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("no working C++ compiler\nfound")

    # As of torch, it fails when what was compiled is called.
    monkeypatch.setattr(torch, "compile", lambda network: broken)
    arguments = ("--methods", "dense", "--compile", "--epochs")
    error = _is_refused_before_training(bench_here, tmp_path, *arguments, "1")
    assert "torch.compile does not work here (RuntimeError: no working C++ compiler found)" in error
    assert bench_here("run", *TINY, *arguments, "0", "--out", "untrained")[0] == 0, "nothing is compiled"


def test_weights_for_another_network_in_a_later_part_of_a_suite(bench_here, tmp_path):
    save_file(build_backbone("resnet8-w0.25", 10).state_dict(), tmp_path / "weights.safetensors")
    part = "- {methods: [dense], backbone: %s, backbone_weights: weights.safetensors, epochs: 1}\n"
    (tmp_path / "suite.yaml").write_text(part % "resnet8-w0.25" + part % "resnet14-w0.25")
    code, _, error = bench_here("run", "--suite", "suite.yaml", "--no-timing", "--out", "runs")
    assert code == 2 and "does not hold weights of resnet14-w0.25" in error
    assert not list((tmp_path / "runs").glob("*-digits-*"))


def test_images_are_normalised_as_told_and_the_record_says_so(bench_here, tmp_path):
    told = ("--mean", "0.5,0.5,0.5", "--std", "0.25,0.25,0.25")
    assert bench_here("run", *TINY, "--methods", "dense", "--epochs", "1", *told, "--out", "told")[0] == 0
    ((folder, record),) = find_records([tmp_path / "told"]).items()
    assert record.details["data"]["mean"] == [0.5] * 3 and record.details["config"]["std"] == [0.25] * 3

    start = ("--methods", "dense", "--epochs", "0", "--backbone-weights", folder / "model.safetensors")
    error = _is_refused_before_training(bench_here, tmp_path, *start)
    assert "normalised otherwise: give --mean 0.5,0.5,0.5 --std 0.25,0.25,0.25" in error
    assert bench_here("run", *TINY, *start, *told, "--out", "again")[0] == 0
    (again,) = find_records([tmp_path / "again"]).values()
    assert again.top1 == record.top1


def test_a_moving_average_that_is_not_read_is_told(bench_here, tmp_path):
    weights = build_backbone("resnet8-w0.25", 10).state_dict()
    torch.save({"state_dict": weights, "model_ema": weights}, tmp_path / "both.pt")
    arguments = ("--methods", "dense", "--epochs", "0", "--backbone-weights", "both.pt", "--out", "runs")
    code, _, error = bench_here("run", *TINY, *arguments)
    assert code == 0 and "both.pt also holds a moving average of its weights (model_ema)" in error
    (record,) = find_records([tmp_path / "runs"]).values()
    assert "not the moving average" in record.details["start"]


def test_weights_for_other_classes_start_the_dense_network_alone(bench_here, tmp_path):
    save_file(build_backbone("resnet8-w0.25", 100).state_dict(), tmp_path / "hundred.safetensors")
    start = ("--backbone-weights", "hundred.safetensors", "--epochs")
    for wrong in (("dense,lnet", *start, "1"), ("lnet", *start, "1"), ("dense", *start, "0")):
        error = _is_refused_before_training(bench_here, tmp_path, "--methods", *wrong)
        assert "hundred.safetensors tells 100 classes apart, digits has 10: train --methods dense alone" in error

    code, _, error = bench_here("run", *TINY, "--methods", "dense", *start, "1", "--out", "dense")
    assert code == 0 and "its classifier is left out, and another one is trained anew" in error
    ((folder, record),) = find_records([tmp_path / "dense"]).items()
    assert "but for their classifier of 100 classes (another one was started anew" in record.details["start"]
    start = ("--backbone-weights", folder / "model.safetensors", "--epochs", "1", "--out", "lnet")
    assert bench_here("run", *TINY, "--methods", "lnet", *start)[0] == 0
