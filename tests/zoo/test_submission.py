"""Submissions: verified where all was measured again, claimed where it could not be, refuted where it is not so."""

import json
import shutil

import pytest
from synthetic import quick_run

from bench.records import find_records
from bench.records.standing import read_standings


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("submission")
    quick_run(folder / "runs", "slim", folder / "shipped")
    return folder / "shipped"


@pytest.fixture
def submission(shipped, tmp_path):
    """A copy, which may be changed."""
    return shutil.copytree(shipped, tmp_path / "somebody")


def _slim(submission):
    return next(path for path, record in find_records([submission]).items() if record.method == "slim")


def test_what_is_measured_again_in_full_is_verified(bench_here, submission):
    code, out, _ = bench_here("check", "--submission", submission, "--tier", "full")
    assert code == 0 and out.count("verified: ") == 2 and "2 verified, 0 claimed, 0 refuted" in out
    assert set(read_standings([submission]).values()) == {"verified"}


def test_what_was_looked_at_in_part_or_cannot_be_is_claimed(bench_here, submission):
    (_slim(submission) / "model.safetensors").unlink()
    code, out, _ = bench_here("check", "--submission", submission, "--tier", "full")
    assert code == 0 and "slim" in out and "its network is not among the files" in out
    assert sorted(read_standings([submission]).values()) == ["claimed", "verified"]


def test_an_unknown_method_is_claimed(bench_here, submission):
    file = _slim(submission) / "record.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"method": "theirs"}))
    code, out, _ = bench_here("check", "--submission", submission, "--tier", "full")
    assert code == 0 and "its method is not installed: unknown method 'theirs'" in out


def test_a_number_that_its_images_do_not_give_is_refuted(bench_here, submission):
    file = _slim(submission) / "record.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps(values | {"top1": values["top1"] + 1}))
    code, out, error = bench_here("check", "--submission", submission)
    assert code == 1 and "refuted: slim" in out and "top1 is" in out and "1 refuted" in error
    assert sorted(read_standings([submission]).values()) == ["claimed", "refuted"]


def test_an_empty_folder_and_two_questions_are_bad_input(bench_here, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, error = bench_here("check", "--submission", "empty")
    assert code == 2 and len(error.splitlines()) == 1
    code, _, error = bench_here("check", "--submission", "empty", "--against", "empty")
    assert code == 2
