"""``bench quantise``: trained networks in int8, as records of their own."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from synthetic import quick_run

from bench.records import read_record
from bench.records.regression import compare_tables


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return quick_run(tmp_path_factory.mktemp("quantised") / "runs", "lnet")


def test_a_network_in_int8_is_a_record_beside_its_own(bench_here, runs, tmp_path):
    (job,) = runs.glob("dense-*")
    code, _, error = bench_here("quantise", str(job), "--no-timing", "--out", "int8")
    assert code == 0, error
    (folder,) = (tmp_path / "int8").glob("dense-*")
    source, record = read_record(job), read_record(folder)
    assert (record.method, record.precision, record.executor) == ("dense (int8)", "int8", "onnxruntime")
    assert (record.macs_mean, record.n_test) == (source.macs_mean, source.n_test)
    assert abs(record.top1 - source.top1) < 3
    origin, sizes = record.details["quantised_from"], record.details["quantised"]
    known = source.details["files"]["model.safetensors"]["sha256"]
    assert origin == {"job": job.name, "sha256": known, "method": "dense", "top1": source.top1}
    assert sizes["bytes"] < sizes["float_bytes"] and sizes["calibration_images"] == 500
    # Somebody else quantises it alike, and finds the record again.
    code, _, error = bench_here("quantise", str(job), "--no-timing", "--out", "again")
    assert code == 0, error
    again = next((tmp_path / "again").glob("dense-*"))
    pd.testing.assert_frame_equal(*(pd.read_parquet(one / "samples.parquet") for one in (folder, again)))
    assert again.name == folder.name
    code, _, error = bench_here("report", str(runs), "int8", "--format", "csv,md", "--out", "report")
    assert code == 0, error
    table = pd.read_csv(tmp_path / "report" / "table.csv")
    assert compare_tables(table, table).compared == 3
    text = (tmp_path / "report" / "report.md").read_text()
    assert "File int8 (kB)" in text and "not measured" in text


def test_what_cannot_be_quantised_is_one_line(bench_here, runs, tmp_path):
    (gated,) = runs.glob("lnet-*")
    for folder, reason in ((gated, "networks that decide nothing"), (tmp_path, "record")):
        code, _, error = bench_here("quantise", str(folder), "--no-timing", "--out", "int8")
        assert code == 2 and reason in error and error.count("\n") == 1


def test_a_record_in_int8_is_checked_from_the_network_that_it_names(bench_here, runs, tmp_path):
    assert bench_here("publish", str(runs), "--to", "shipped/float")[0] == 0
    (shipped,) = (tmp_path / "shipped/float").glob("dense-*")
    assert bench_here("quantise", str(shipped), "--no-timing", "--out", "shipped/int8")[0] == 0
    (folder,) = (tmp_path / "shipped/int8").glob("dense-*")
    (folder / "model.safetensors").unlink()  # the network is shipped once
    alone = bench_here("check", "--pretrained", "shipped/int8")
    assert alone[0] == 0 and "1 networks in shipped/int8 agree" in alone[1]
    code, out, error = bench_here("check", "--pretrained", "shipped")
    assert code == 0 and f"agrees: {folder.name}" in out, out + error
    code, _, error = bench_here("publish", "shipped/int8", "--to", "elsewhere")
    assert code == 2 and "is in int8" in error
    shutil.rmtree(shipped)
    code, out, _ = bench_here("check", "--pretrained", "shipped")
    assert code == 1 and "is shipped neither here nor beside" in out
