"""Phases of a job: which there are, and what it takes to add one."""

import json
from importlib import import_module

import pytest

from bench.runs.phases import PHASES, is_settled
from bench.runs.status import DONE, WAITING, job_statuses

TINY = ("run", "--methods", "dense", "--backbone", "resnet8-w0.25", "--epochs", "0", "--no-timing", "--out", "runs")


class Note:
    """A throw-away phase: writes a file beside the record."""

    name, past, exclusive = "notes", "noted", False

    def is_done(self, folder):
        return (folder / "note.txt").exists()

    def run(self, job, context):
        (context.out / job.id / "note.txt").write_text(f"{job.method} on {context.data.title}")


@pytest.fixture
def with_note(monkeypatch):
    """The program with that phase as an entry of ``PHASES``, as its author would add it."""
    import_module("bench.runs.run")  # before, so that what is restored behind the test are the true phases
    monkeypatch.setattr("bench.runs.phases.phase.PHASES", phases := (*PHASES, Note()))
    for user in ("bench.runs.phases", "bench.runs.run"):
        monkeypatch.setattr(f"{user}.PHASES", phases)


def test_a_later_phase_is_an_entry(bench_here, tmp_path, with_note):
    assert bench_here(*TINY)[0] == 0
    (note,) = (tmp_path / "runs").glob("*/note.txt")
    assert note.read_text().startswith("dense on ") and is_settled(Note(), note.parent)
    note.unlink()
    before = (note.parent / "record.json").stat().st_mtime_ns
    code, out, _ = bench_here(*TINY)
    assert code == 0 and note.exists(), "the next run does what is left"
    assert "[1/2]" in out and "[2/2]" in out and ": noted" in out
    assert (note.parent / "record.json").stat().st_mtime_ns == before


def test_a_phase_that_breaks_keeps_the_record_and_is_tried_again(bench_here, tmp_path, with_note, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Note, "run", lambda self, job, context: 1 / 0)
        code, out, _ = bench_here(*TINY)
    assert code == 1 and "ZeroDivisionError" in out
    (failure,) = (tmp_path / "runs").glob("*/failure.json")
    assert json.loads(failure.read_text())["kind"] == "ZeroDivisionError"
    assert (failure.parent / "record.json").exists() and not (failure.parent / "note.txt").exists()
    (status,) = job_statuses(tmp_path / "runs")
    assert status.state == "failed" and "ZeroDivisionError" in status.reason
    failure.unlink()
    (status,) = job_statuses(tmp_path / "runs")
    assert (status.state, status.reason) == (WAITING, "for its notes, behind all records")
    assert bench_here(*TINY)[0] == 0
    assert [status.state for status in job_statuses(tmp_path / "runs")] == [DONE]
