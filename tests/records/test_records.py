"""Records and tables of images: what no run writes is refused in one line."""

import json

import numpy as np
import pandas as pd
import pytest
from synthetic import Runs

from bench.errors import BadInput
from bench.records import read_record, read_samples


@pytest.fixture
def job(tmp_path):
    (tmp_path / "runs").mkdir()
    Runs(tmp_path / "runs").add("lcnet", point=0.5, dynamic=True)
    return next((tmp_path / "runs").iterdir())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"top1": float("nan")}, "not JSON compliant"),
        ({"macs_mean": 10**400}, "macs_mean is a int"),
        ({"top1": 120.0}, "no percentages"),
        ({"n_test": 0}, "more than 0"),
        ({"method": "\ud800"}, "surrogates"),
        ({"seed": True}, "seed is True"),
        ({"details": {"environment": [1]}}, "environment in details"),
        ({"details": {"files": {"samples.parquet": 3}}}, "files in details"),
        ({"details": {"data": {"fingerprint": []}}}, "fingerprint in details"),
        ({"params": None}, "only what is claimed elsewhere"),
        ({"more": 1}, "more"),
    ],
)
def test_a_record_that_no_run_writes(job, changes, says):
    values = json.loads((job / "record.json").read_text())
    (job / "record.json").write_text(json.dumps(values | changes))
    with pytest.raises(BadInput, match=says):
        read_record(job)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda table: table.drop(columns="macs"), "column macs is missing"),
        (lambda table: table.assign(macs=table["macs"].astype(float)), "column macs holds other things"),
        (lambda table: table.assign(confidence=np.nan), "column confidence holds other things"),
        (lambda table: table.assign(gate_macs=-1), "column gate_macs has values below 0"),
        (lambda table: table.assign(executed_3="yes"), "column executed_3 holds other things"),
        (lambda table: table.assign(correct=~table["correct"]), "against its own prediction and label"),
        (lambda table: pd.concat([table, table]), "an image stands in it twice"),
        (lambda table: table.head(0), "0 rows"),
    ],
)
def test_a_table_of_images_that_no_run_writes(job, spoil, says):
    spoil(read_samples(job)).to_parquet(job / "samples.parquet", index=False)
    with pytest.raises(BadInput, match=says):
        read_samples(job)


def test_a_small_file_that_claims_many_images_is_not_read(job, monkeypatch):
    monkeypatch.setattr("bench.records.samples.MOST_IMAGES", 499)
    with pytest.raises(BadInput, match="500 rows"):
        read_samples(job)
