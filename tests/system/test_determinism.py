"""The same bits again on one machine, whatever else is in the suite; failures come last."""

import pytest

from bench.records import find_records
from bench.system.seeds import derive_seed

TINY = ("--points", "0.6", "--backbone", "resnet8-w0.25", "--epochs", "1", "--no-timing", "--deterministic")


def test_the_same_bits_again_and_beside_other_methods(bench_here, tmp_path):
    for out, methods in (("a", "lnet"), ("b", "slim,lnet")):
        code, _, error = bench_here("run", "--methods", methods, *TINY, "--out", out)
        assert code == 0, error
    first, second = find_records([tmp_path / "a"]), find_records([tmp_path / "b"])
    assert {folder.name for folder in first} < {folder.name for folder in second}
    for folder, record in first.items():
        for name in ("samples.parquet", "model.safetensors"):
            assert (folder / name).read_bytes() == (tmp_path / "b" / folder.name / name).read_bytes()
        assert record.details["determinism"] == "deterministic algorithms required; 2 threads"


def test_seeds_hang_on_names_alone():
    assert derive_seed(0, "train", "lcnet", 0.5) == derive_seed(0, "train", "lcnet", 0.5)
    others = [derive_seed(0, "train", "lcnet", 0.3), derive_seed(1, "train", "lcnet", 0.5), derive_seed(0, "build")]
    assert len({derive_seed(0, "train", "lcnet", 0.5), *others}) == 4


def test_a_failed_job_is_told_last_and_the_others_are_done(bench_here, tmp_path, monkeypatch):
    from baselines.slim import Slim

    def breaks(*_):
        raise ZeroDivisionError("in the method")

    monkeypatch.setattr(Slim, "stages", breaks)
    code, out, error = bench_here("run", "--methods", "slim,lnet", *TINY)
    assert code == 1 and "1 of 3 jobs failed" in error and len(error.splitlines()) == 1
    assert out.splitlines()[-1].startswith("FAILED slim-digits") and "ZeroDivisionError: in the method" in out
    assert sorted(record.method for record in find_records([tmp_path / "runs"]).values()) == ["dense", "lnet"]
    code, out, error = bench_here("status", "runs")
    assert out.startswith("2 done, 0 running, 0 waiting, 1 failed"), (code, out, error)


@pytest.fixture(autouse=True)
def _anything_allowed_afterwards():
    yield
    from bench.system import determinism

    determinism.require(False)
