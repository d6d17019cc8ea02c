"""From outcomes of images to numbers of a record, and from records to what Python and notebooks handle."""

from math import isclose, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import Runs, synthetic_record, synthetic_samples

from bench.errors import BadInput
from bench.records.collection import Records, load_records
from bench.records.record import TABLE_COLUMNS
from bench.records.standing import read_standings, write_standings
from bench.records.summary import summarise
from bench.records.unfinished import FAILURE_FILE, unfinished_jobs

IMAGES = st.lists(st.tuples(st.booleans(), st.integers(1, 10**9), st.integers(0, 1000)), min_size=1, max_size=30)


def samples_of(images) -> pd.DataFrame:
    return pd.DataFrame(images, columns=["correct", "macs", "gate_macs"])


@settings(max_examples=20, deadline=None)
@given(IMAGES, st.integers(1, 10**9))
def test_numbers_are_those_of_the_definition(images, dense):
    found = summarise(samples_of(images), dense)
    costs = [macs for _, macs, _ in images]
    mean = sum(costs) / len(costs)
    assert found["n_test"] == len(images)
    assert isclose(found["top1"], 100 * sum(correct for correct, *_ in images) / len(images))
    assert isclose(found["macs_mean"], mean) and isclose(found["macs_fraction"], mean / dense)
    assert isclose(found["macs_fraction"] * found["speedup_theoretical"], 1)
    assert isclose(found["macs_std"], sqrt(sum((cost - mean) ** 2 for cost in costs) / len(costs)), abs_tol=1e-6)
    assert isclose(found["gate_macs_mean"], sum(gates for *_, gates in images) / len(images), abs_tol=1e-9)


@settings(max_examples=20, deadline=None)
@given(IMAGES, st.randoms(use_true_random=False))
def test_the_order_of_images_says_nothing_and_numbers_keep_their_order(images, random):
    found = summarise(samples_of(images), 100)
    random.shuffle(images)
    again = summarise(samples_of(images), 100)
    assert all(isclose(again[name], value, rel_tol=1e-12) for name, value in found.items())
    assert 0 <= found["top1_low"] <= found["top1"] <= found["top1_high"] <= 100
    assert min(macs for _, macs, _ in images) <= found["macs_p5"] <= found["macs_p50"] <= found["macs_p95"]


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 3), st.integers(2, 4))
def test_the_same_images_again_narrow_the_interval_and_move_nothing_else(seed, times):
    once = synthetic_samples("cifar10", 0.5, 80, dynamic=True, seed=seed)
    found, often = summarise(once, 1e6), summarise(pd.concat([once] * times), 1e6)
    assert all(isclose(found[name], often[name]) for name in ("top1", "macs_mean", "macs_std", "gate_macs_mean"))
    assert found["top1_low"] < often["top1_low"] < often["top1"] < often["top1_high"] < found["top1_high"]


def records(*seeds: int) -> Records:
    samples = synthetic_samples("cifar10", 0.5, 80, dynamic=False, seed=0)
    return Records(synthetic_record(samples, dataset="cifar10", seed=seed) for seed in seeds)


def test_records_are_a_sequence():
    found = records(3, 1, 2)
    assert [record.seed for record in found] == [3, 1, 2] and len(found) == 3 and repr(found) == "<3 records>"
    assert found[-1].seed == 2 and [one.seed for one in found[1:]] == [1, 2] and isinstance(found[1:], Records)
    assert found[0] in found and records(9)[0] not in found
    with pytest.raises(IndexError):
        found[3]


def test_their_frame_has_all_columns_whether_or_not_there_are_rows():
    assert list(records().frame.columns) == list(records(1).frame.columns) == list(TABLE_COLUMNS)
    assert records(4, 5).frame["seed"].tolist() == [4, 5]


def test_a_part_of_a_data_set_is_not_called_the_whole():
    samples = synthetic_samples("cifar10", 0.5, 80, dynamic=False, seed=0)
    part = synthetic_record(samples, dataset="cifar10", details={"data": {"title": "cifar10, 1,000 images"}})
    assert Records([part]).frame["dataset"].item() == "cifar10, 1,000 images" and part.dataset == "cifar10"


def test_a_notebook_shows_text_as_text():
    shown = Records([synthetic_record(synthetic_samples("cifar10", 0.5, 80, False, 0), dataset="cifar10",
                                      method="<script>")])._repr_html_()  # fmt: skip
    assert "<script>" not in shown and "&lt;script&gt;" in shown
    one = records(1)[0]._repr_html_()
    assert "resnet20" in one and "reported_top1" not in one  # what is unknown is left out


def test_folders_are_read_in_the_order_of_jobs_and_a_missing_one_is_bad_input(tmp_path):
    runs = Runs(tmp_path)
    for seed in (2, 0, 1):
        runs.add(seed=seed)
    jobs = sorted(folder.name for folder in tmp_path.iterdir())
    assert len(load_records(tmp_path)) == 3
    assert [load_records(tmp_path / job)[0].seed for job in jobs] == [one.seed for one in load_records(str(tmp_path))]
    with pytest.raises(BadInput, match="no folder"):
        load_records(tmp_path, tmp_path / "gone")
    assert len(load_records([tmp_path / jobs[0], str(tmp_path / jobs[1])])) == 2
    with pytest.raises(BadInput, match="a folder is given by its path, not by 3"):
        load_records([tmp_path, 3])


def test_jobs_that_were_begun_and_not_ended(tmp_path):
    for job, files in {
        "ended": ("checkpoint-0.pt", "record.json"),
        "failed": (FAILURE_FILE,),
        "killed": ("checkpoint-0.pt", "checkpoint-1.pt"),
        "planned": ("note.txt",),
    }.items():
        (tmp_path / "runs" / job).mkdir(parents=True)
        for name in files:
            (tmp_path / "runs" / job / name).touch()
    found = unfinished_jobs([tmp_path, tmp_path / "runs"])
    assert [path.name for path in found] == ["failed", "killed"]


def test_standings_are_read_as_written_wherever_they_lie(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    rows = [("one, two", "verified", "", "abc"), ("three", "refuted", 'said "x"; said y', "abc")]
    write_standings(tmp_path / "a" / "b", rows)
    assert read_standings([tmp_path]) == {"one, two": "verified", "three": "refuted"}
    assert read_standings([]) == {}


@pytest.mark.parametrize("content", [b"job\nx\n", b"", b"\xff\xfe\xfa"])
def test_a_table_of_standings_that_is_none(content, tmp_path):
    (tmp_path / "standing.csv").write_bytes(content)
    with pytest.raises(BadInput, match="cannot read"):
        read_standings([tmp_path])


def test_costs_beyond_32_bits_are_summed_exactly():
    costs = np.array([2**40, 2**40 + 2])
    found = summarise(pd.DataFrame({"correct": [True, False], "macs": costs, "gate_macs": [0, 0]}), 2**41)
    assert found["macs_mean"] == 2**40 + 1 and found["macs_std"] == 1
