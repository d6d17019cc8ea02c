"""Trackers: what they are told, what they write, and that none of them ends a run."""

import io

import pytest
from rich.console import Console

from bench.choices import TRACKERS
from bench.errors import BadInput
from bench.recipe import UNTRAINED
from bench.records import find_records
from bench.runs.phases import PHASES
from bench.runs.plan.jobs import Job
from bench.runs.tracked import TrackedProgress
from bench.runs.trackers import Tracker, Trackers, load_trackers

JOB = Job(method="lcnet", dataset="digits", backbone="resnet8", point=0.5, seed=0, source="source", **UNTRAINED)

RUN = ("run", "--methods", "lnet", "--backbone", "resnet8-w0.25", "--epochs", "1", "--no-timing", "--track")


def _job(tmp_path):
    """The folder and the record of the method that was run."""
    return next((folder, record) for folder, record in find_records([tmp_path]).items() if record.method == "lnet")


class Diary(Tracker):
    """Writes down what it is told."""

    def __init__(self):
        self.told = []

    def run_started(self, out, jobs):
        self.told.append(f"run of {len(jobs)}")

    def job_started(self, job):
        self.told.append(f"{job.method} began")

    def epoch_ended(self, job, row):
        self.told.append(f"{job.method} {row['stage']} {row['epoch']}")

    def job_ended(self, job, record):
        self.told.append(f"{job.method} {'failed' if record is None else record.method}")

    def run_ended(self):
        self.told.append("run over")


@pytest.fixture
def diary(monkeypatch):
    tracker, said = Diary(), []
    monkeypatch.setattr("bench.runs.run.load_trackers", lambda names, say: Trackers({"diary": tracker}, said.append))
    return tracker


OF_DENSE, OF_LNET = ["dense began", "dense train 1", "dense dense"], ["lnet began", "lnet joint 1", "lnet lnet"]
WHOLE = ["run of 2", *OF_DENSE, *OF_LNET, "run over"]


def test_a_tracker_follows_a_run_and_hears_nothing_of_what_is_there(bench_here, diary):
    assert bench_here(*RUN, "diary")[0] == 0
    assert diary.told == WHOLE
    assert bench_here(*RUN, "diary")[0] == 0
    assert diary.told == [*WHOLE, "run of 2", "run over"]


def test_it_hears_of_jobs_in_other_processes_when_they_are_done(bench_here, diary):
    assert bench_here(*RUN, "diary", "--engine", "local", "--workers", "1")[0] == 0
    assert diary.told == WHOLE


def test_it_hears_of_failures(bench_here, diary, monkeypatch):
    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr("bench.runs.phases.testing.train_and_test", fail)
    assert bench_here(*RUN, "diary", "--seeds", "1")[0] == 2
    assert diary.told == ["run of 2", "dense began", "dense failed", "lnet began", "lnet failed", "run over"]


def test_a_job_is_told_when_its_times_are_there(tmp_path):
    diary, console = Diary(), Console(file=io.StringIO())
    with TrackedProgress(console, [JOB], PHASES, True, tmp_path, diary) as progress:
        progress.start(JOB)
        progress.finish(JOB, PHASES[0])
        assert diary.told == ["run of 1", "lcnet began"]
        progress.finish(JOB, PHASES[1])
    assert diary.told[2:] == ["lcnet failed", "run over"], "this one has no record"


def test_a_tracker_that_fails_is_left_behind():
    class Broken(Diary):
        def job_started(self, job):
            raise ConnectionError("server gone")

    said, whole, broken = [], Diary(), Broken()
    both = Trackers({"broken": broken, "whole": whole}, said.append)
    both.run_started(None, [])
    both.job_started(type("Job", (), {"method": "lnet"}))
    both.run_ended()
    assert said == ["bench: the run goes on without --track broken: server gone"]
    assert (broken.told, whole.told) == (["run of 0"], ["run of 0", "lnet began", "run over"])


def test_unknown_trackers_and_what_is_none_are_one_line(bench_here, monkeypatch):
    code, _, error = bench_here(*RUN, "pigeon")
    assert code == 2 and "unknown tracker 'pigeon': choose from tensorboard, mlflow, wandb" in error
    monkeypatch.setitem(TRACKERS.own, "text", "builtins:str")
    with pytest.raises(BadInput, match="'text' is not a bench"):
        load_trackers(["text"], print)


def test_tensorboard(bench_here, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert bench_here(*RUN, "tensorboard")[0] == 0
    folder, record = _job(tmp_path)
    events = EventAccumulator(str(tmp_path / "runs" / "tensorboard" / folder.name)).Reload()
    assert [event.step for event in events.Scalars("validation_top1")] == [1]
    assert events.Scalars("test_top1")[0].value == pytest.approx(record.top1)


def test_mlflow(bench_here, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    assert bench_here(*RUN, "mlflow")[0] == 0
    folder, record = _job(tmp_path)
    runs = {run.info.run_name: run for run in mlflow.search_runs(output_format="list")}
    run = runs[folder.name]
    assert run.info.status == "FINISHED" and run.data.params["method"] == "lnet"
    assert run.data.metrics["test_top1"] == pytest.approx(record.top1)
    assert mlflow.MlflowClient().get_metric_history(run.info.run_id, "validation_top1")[0].step == 1


def test_wandb(bench_here, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    assert bench_here(*RUN, "wandb")[0] == 0
    assert len(list((tmp_path / "runs" / "wandb").glob("offline-run-*/*.wandb"))) == 2
