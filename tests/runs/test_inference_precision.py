"""Records in another precision: tested, timed and reported in it, apart from those in float32."""

from bench.records import find_records, read_samples
from bench.report.results import load_groups

TINY = ("--backbone", "resnet8-w0.25", "--device", "cpu")


def test_trained_networks_in_bfloat16(bench_here, tmp_path):
    train = ("--methods", "l1", "--points", "0.6", "--epochs", "0", "--no-timing", "--out", "runs")
    assert bench_here("run", *TINY, *train)[0] == 0
    assert bench_here("publish", "runs", "--to", "shipped")[0] == 0
    tested = ("--inference-precision", "bfloat16", "--no-timing", "--out", "rounded")
    code, _, error = bench_here("run", "--pretrained", "shipped", *tested)
    assert code == 0, error
    found = [find_records([tmp_path / folder]) for folder in ("shipped", "rounded")]
    assert [{record.precision for record in records.values()} for records in found] == [{"float32"}, {"bfloat16"}]
    assert all(record.executor == "torch" for record in found[1].values())
    exact, rounded = (
        next(read_samples(path) for path, record in records.items() if record.method == "l1") for records in found
    )
    assert (exact["macs"] == rounded["macs"]).all()
    assert not exact["confidence"].equals(rounded["confidence"]), "accuracy is measured in it"

    groups = load_groups([tmp_path / "shipped", tmp_path / "rounded"])
    names = ["digits / resnet8-w0.25", "digits / resnet8-w0.25, bfloat16"]
    assert [group.name for group in groups] == names and [len(group.entries) for group in groups] == [2, 2]
    assert groups[1].slug.endswith("-bfloat16") and groups[1].dense is not groups[0].dense is not None

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
