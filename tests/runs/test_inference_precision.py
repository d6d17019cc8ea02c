"""Records in another precision: tested, timed and reported in it, apart from those in float32."""

import pandas as pd

from bench.records import find_records, read_samples

TINY = ("--backbone", "resnet8-w0.25", "--device", "cpu")


def test_trained_networks_in_bfloat16(bench_here, tmp_path):
    train = ("--methods", "l1,early_exit", "--points", "0.6", "--epochs", "1", "--no-timing", "--out", "runs")
    assert bench_here("run", *TINY, *train)[0] == 0
    assert bench_here("publish", "runs", "--to", "shipped")[0] == 0
    code, _, error = bench_here(
        "run", "--pretrained", "shipped", "--inference-precision", "bfloat16", "--no-timing", "--out", "rounded"
    )
    assert code == 0, error
    exact, rounded = find_records([tmp_path / "shipped"]), find_records([tmp_path / "rounded"])
    assert {record.precision for record in exact.values()} == {"float32"}
    assert {record.precision for record in rounded.values()} == {"bfloat16"} and len(rounded) == 3
    assert all(record.executor == "torch" for record in rounded.values())
    confidences = [
        next(read_samples(path)["confidence"] for path, record in found.items() if record.method == "l1")
        for found in (exact, rounded)
    ]
    assert not confidences[0].equals(confidences[1]), "accuracy is measured in it"

    assert bench_here("report", "shipped", "rounded", "--out", "report", "--format", "md,csv")[0] == 0
    text = (tmp_path / "report" / "report.md").read_text()
    assert "digits / resnet8-w0.25, bfloat16" in text
    table = pd.read_csv(tmp_path / "report" / "table.csv")
    assert sorted(table["precision"]) == ["bfloat16"] * 3 + ["float32"] * 3

    code, _, error = bench_here("publish", "rounded", "--to", "others")
    assert code == 2 and "was tested in bfloat16: publish its record in float32" in error


def test_what_cannot_be_done_is_told_before_training(bench_here, tmp_path):
    for option, reason in {"tf32": "need an NVIDIA GPU", "int4": "'int4' is not one of"}.items():
        code, _, error = bench_here("run", *TINY, "--methods", "dense", "--inference-precision", option)
        assert code == 2 and reason in error
    told = ("--methods", "dense", "--inference-precision", "bfloat16", "--executor", "onnxruntime")
    code, _, error = bench_here("run", *TINY, *told)
    assert code == 2 and "the executor onnxruntime computes in float32 alone" in error
    assert not list(tmp_path.glob("runs/*digits*"))
