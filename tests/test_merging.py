"""Folders of records brought together: nothing lost, nothing overwritten, conflicts named."""

import pytest
from synthetic import synthetic_record, synthetic_samples

from bench.errors import BadInput
from bench.records import MODEL_FILE, RECORD_FILE, SAMPLES_FILE, read_record, write_record
from bench.records.merge import merge


@pytest.fixture
def make(tmp_path):
    """Writes one finished job into a folder of runs."""

    def make(runs: str, job: str, seed: int = 0) -> None:
        folder = tmp_path / runs / job
        folder.mkdir(parents=True)
        samples = synthetic_samples("digits", 0.5, 90, dynamic=True, seed=seed)
        samples.to_parquet(folder / SAMPLES_FILE, index=False)
        (folder / MODEL_FILE).write_bytes(b"weights")
        write_record(folder, synthetic_record(samples, seed=seed))

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


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(BadInput, match="nosuch"):
        merge([tmp_path / "nosuch"], tmp_path / "all")
