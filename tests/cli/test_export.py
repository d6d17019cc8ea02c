"""``bench export`` on a tiny network."""

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from synthetic import quick_run

from baselines.skipnet import SkipNet
from bench.cli import main
from bench.errors import BadInput
from bench.networks.backbones import build_backbone
from bench.zoo.export import Trained
from bench.zoo.parity import compare
from bench.zoo.quantise import quantise


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return quick_run(tmp_path_factory.mktemp("export") / "runs", "dense")


def _main(*arguments) -> int:
    with pytest.raises(SystemExit) as left:
        main(["export", *map(str, arguments)])
    return left.value.code


@pytest.mark.parametrize(("kind", "ending"), [("onnx", "onnx"), ("torch", "pt2")])
def test_a_file_is_written_and_compared(runs, kind, ending, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (job,) = runs.glob("dense-*")
    assert _main(job, "--format", kind, "--batch", "any", "--images", 50) == 0
    said = capsys.readouterr().out
    assert "static: nothing is decided" in said and "decisions differ for 0, logits for 0" in said
    path = tmp_path / f"{job.name}.{ending}"
    assert str(path.stat().st_size) in said.replace(",", "")
    if kind == "onnx":
        told = {one.key: one.value for one in onnx.load(path).metadata_props}
        assert told["record"] == job.name and len(json.loads(told["classes"])) == 10 and told["commit"]
        assert onnx.load(path).graph.input[0].type.tensor_type.shape.dim[0].dim_param


def test_another_network_is_noticed(runs):
    (job,) = runs.glob("dense-*")
    trained = Trained.load(job, None)
    assert compare(trained.network, trained.network, trained.data, 20).holds
    changed = Trained.load(job, None).network
    changed.backbone.classifier.bias[0] += 0.1
    parity = compare(changed, trained.network, trained.data, 20)
    assert not parity.holds and (parity.images, parity.decisions, parity.logits) == (20, 0, 20)


def test_int8_is_measured_beside_float32(runs, tmp_path, capsys):
    (job,) = runs.glob("dense-*")
    path = tmp_path / "int8.onnx"
    assert _main(job, "--int8", "--images", 50, "--out", path) == 0
    said = capsys.readouterr().out
    assert f"int8: {path.stat().st_size:,} bytes" in said and "accuracy: 50 validation images" in said
    model = onnx.load(path)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in model.graph.node}
    assert onnx.TensorProto.INT8 in {weight.data_type for weight in model.graph.initializer}
    told = {one.key: one.value for one in model.metadata_props}
    assert (told["record"], told["precision"]) == (job.name, "int8")


def test_int8_is_for_networks_that_decide_nothing(runs, capsys):
    trained = Trained.load(next(runs.glob("dense-*")), None)
    network = SkipNet().build(build_backbone("resnet8-w0.25", classes=10), 0.6)
    with pytest.raises(BadInput, match="networks that decide nothing"):
        quantise(replace(trained, network=network), Path("nowhere.onnx"), 10)
    assert _main(trained.folder, "--int8", "--format", "torch") == 2


def test_bad_input_is_one_line(runs, tmp_path, capsys):
    (job,) = runs.glob("dense-*")
    assert _main(tmp_path) == 2 and capsys.readouterr().err.count("\n") == 1
    assert _main(job, "--out", tmp_path / "nowhere" / "file.onnx", "--images", 1) == 2
    assert capsys.readouterr().err.count("\n") == 1
