"""``bench export`` on a tiny network."""

import json

import onnx
import pytest
from synthetic import quick_run

from bench.cli import main
from bench.zoo.export import Trained
from bench.zoo.parity import compare


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


def test_bad_input_is_one_line(runs, tmp_path, capsys):
    (job,) = runs.glob("dense-*")
    assert _main(tmp_path) == 2 and capsys.readouterr().err.count("\n") == 1
    assert _main(job, "--out", tmp_path / "nowhere" / "file.onnx", "--images", 1) == 2
    assert capsys.readouterr().err.count("\n") == 1
