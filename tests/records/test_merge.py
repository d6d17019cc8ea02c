"""Folders of records brought together: nothing lost, nothing overwritten, conflicts named."""

import pytest
from synthetic import synthetic_record, synthetic_samples

from bench.errors import BadInput, Notice
from bench.records import MODEL_FILE, RECORD_FILE, SAMPLES_FILE, read_record, write_record
from bench.records.merge import find_jobs, merge


@pytest.fixture
def make(tmp_path):
    """Writes one finished job into a folder of runs."""

    def make(runs: str, job: str, seed: int = 0, **changes) -> None:
        folder = tmp_path / runs / job
        folder.mkdir(parents=True)
        samples = synthetic_samples("digits", 0.5, 90, dynamic=True, seed=seed)
        samples.to_parquet(folder / SAMPLES_FILE, index=False)
        (folder / MODEL_FILE).write_bytes(b"weights")
        write_record(folder, synthetic_record(samples, seed=seed, **changes))

    return make


def test_two_folders_become_one(make, tmp_path):
    for runs, job in (("a", "first"), ("b", "second"), ("b", "first")):
        make(runs, job)
    merged = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert (merged.copied, merged.kept, merged.conflicts) == (["first", "second"], ["first"], {})
    for job in ("first", "second"):
        assert read_record(tmp_path / "all" / job) == read_record(tmp_path / "b" / job)
        assert (tmp_path / "all" / job / MODEL_FILE).read_bytes() == b"weights"
    again = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert not again.copied and not again.conflicts


def test_a_conflict_is_named_and_what_was_there_stays(make, tmp_path, bench_here):
    make("a", "same", seed=1)
    make("b", "same", seed=2)
    before = (tmp_path / "a" / "same" / RECORD_FILE).read_bytes()
    code, out, error = bench_here("merge", "b", "--out", "a")
    assert code == 1 and "CONFLICT same" in out and "different results" in error
    assert (tmp_path / "a" / "same" / RECORD_FILE).read_bytes() == before


def test_a_report_refuses_what_a_merge_calls_a_conflict(make, bench_here):
    make("a", "same", seed=1)
    make("b", "same", seed=2)
    for folders in (("a", "b"), ("b", "a")):
        code, _, error = bench_here("report", *folders, "--format", "csv")
        assert code == 2 and len(error.strip().splitlines()) == 1
        assert f"{folders[0]}/same and {folders[1]}/same hold different results" in error


def test_the_same_result_twice_is_reported_once_with_its_times(make, tmp_path):
    make("a", "same")
    make("b", "same", latency_ms_p50=2.0, details={"timing": {}})
    for folders in (("a", "b"), ("b", "a")):
        ((folder, record),) = find_jobs([tmp_path / name for name in folders]).items()
        assert folder.parent.name == "b" and record.latency_ms_p50 == 2.0
    merged = merge([tmp_path / "b"], tmp_path / "a")
    assert merged.timed == ["same"] and read_record(tmp_path / "a" / "same").latency_ms_p50 == 2.0
    assert merge([tmp_path / "b"], tmp_path / "a").kept == ["same"]


def test_times_that_are_left_out_are_told(make, tmp_path, bench):
    make("a", "same", latency_ms_p50=2.0, details={"timing": {}})
    make("b", "same", latency_ms_p50=3.0, details={"timing": {}})
    with pytest.warns(Notice, match="same are one job, timed twice: times of the first"):
        ((_, record),) = find_jobs([tmp_path / "a", tmp_path / "b"]).items()
    assert record.latency_ms_p50 == 2.0
    done = bench("report", "a", "b", "--format", "csv")
    told = "bench: a/same and b/same are one job, timed twice: times of the first\n"
    assert (done.returncode, done.stderr) == (0, told)


def test_other_weights_are_another_result(make, tmp_path):
    make("a", "same")
    make("b", "same")
    (tmp_path / "b" / "same" / MODEL_FILE).write_bytes(b"others!")
    assert list(merge([tmp_path / "b"], tmp_path / "a").conflicts) == ["same"]
    with pytest.raises(BadInput, match="different results of one job"):
        find_jobs([tmp_path])


def test_damaged_jobs_are_named_and_give_way_to_whole_ones(make, tmp_path, bench_here):
    make("a", "same")
    make("b", "same")
    with (tmp_path / "a" / "same" / SAMPLES_FILE).open("r+b") as file:
        file.truncate(100)
    code, out, error = bench_here("merge", "a", "--out", "c")
    assert code == 1 and "DAMAGED a/same" in out and "1 damaged" in error and not (tmp_path / "c").exists()
    assert merge([tmp_path / "b"], tmp_path / "a").copied == ["same"]
    assert merge([tmp_path / "b"], tmp_path / "a").kept == ["same"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(BadInput, match="nosuch"):
        merge([tmp_path / "nosuch"], tmp_path / "all")
