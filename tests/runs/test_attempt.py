"""One job, tried once: kept, done, failed with a reason, or in another live process's hands."""

import json
import signal
import time
from dataclasses import replace

import pytest
import torch

from bench.runs.attempt import State
from bench.runs.attempt import attempt as attempt_phase
from bench.runs.context import Context
from bench.runs.failure import FAILURE_FILE, read_failure
from bench.runs.phases import PHASES
from bench.runs.plan.planning import plan
from bench.runs.plan.suite import Suite, check_suite
from bench.runs.settings import Inputs, Settings


@pytest.fixture
def context(digits, tmp_path):
    settings = Settings(tmp_path / "runs", tmp_path / "runs" / "engine", "bench run", Inputs("digits"))
    return Context(settings, digits, torch.device("cpu"))


def attempt(job, context):
    return attempt_phase(job, PHASES[0], context)


@pytest.fixture
def jobs():
    """A dense network and one that starts from it, both untrained."""
    return plan(check_suite(Suite(methods=("lcnet",), backbone="resnet8", epochs=0)))


def test_a_job_is_done_once(jobs, context):
    assert [attempt(job, context).state for job in jobs] == [State.DONE, State.DONE]
    record = context.out / jobs[1].id / "record.json"
    before = record.stat().st_mtime_ns
    assert [attempt(job, context).state for job in jobs] == [State.KEPT, State.KEPT]
    assert record.stat().st_mtime_ns == before


def test_a_failure_is_kept_with_its_reason_until_a_success(jobs, context, monkeypatch):
    def breaks(phase, job, context):
        raise RuntimeError("two\nlines")

    with monkeypatch.context() as patched:
        patched.setattr("bench.runs.phases.training.TrainAndTest.run", breaks)
        outcome = attempt(jobs[0], context)
        assert (outcome.state, outcome.bad_input) == (State.FAILED, False)
        assert read_failure(context.out / jobs[0].id).reason == outcome.reason == "RuntimeError: two lines"
        following = attempt(jobs[1], context)
        assert following.state is State.FAILED and outcome.reason in following.reason
    assert [attempt(job, context).state for job in jobs] == [State.DONE, State.DONE]
    assert not list(context.out.glob(f"*/{FAILURE_FILE}"))


def test_what_the_user_gave_wrong_is_told_apart(jobs, context):
    outcome = attempt(replace(jobs[0], start="0" * 64), context)
    assert outcome.state is State.FAILED and outcome.bad_input
    assert "weights that are not the ones given" in outcome.reason
    failure = json.loads((context.out / outcome.job.id / FAILURE_FILE).read_text())
    assert failure["reason"] == outcome.reason and failure["kind"] == "BadInput" and failure["when_utc"]


def test_what_a_killed_process_left_beside_a_record_is_tidied(jobs, context, hold):
    assert attempt(jobs[0], context).state is State.DONE
    checkpoint, lock = context.out / jobs[0].id / "checkpoint-1.pt", context.out / ".locks" / jobs[0].id
    owner = hold(context.out, jobs[0])
    checkpoint.touch()
    assert attempt(jobs[0], context).state is State.KEPT
    assert checkpoint.exists()  # Its owner may be about to remove it.
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert lock.exists()
    assert attempt(jobs[0], context).state is State.KEPT
    assert not checkpoint.exists() and not lock.exists()


def test_a_job_without_its_start_fails_at_once(jobs, context):
    outcome = attempt(jobs[1], context)
    assert outcome.state is State.FAILED and f"{jobs[0].id} has no record" in outcome.reason


def test_a_live_owner_keeps_a_job_and_a_dead_one_does_not(jobs, context, hold):
    owner = hold(context.out, jobs[0])
    assert [attempt(job, context).state for job in jobs] == [State.TAKEN, State.TAKEN]
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert [attempt(job, context).state for job in jobs] == [State.DONE, State.DONE]


def test_a_dead_machine_keeps_a_job_only_until_its_heartbeat_is_missed(jobs, context, hold, monkeypatch):
    """The owner's process, but on a host of another name: whether it lives, its heartbeat alone can tell."""
    monkeypatch.setattr("bench.runs.locks.DEAD_AFTER_S", 1.0)
    lock = context.out / ".locks" / jobs[0].id
    owner = hold(context.out, jobs[0])
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    text = lock.read_text()
    host = next(line for line in text.splitlines() if line.startswith("host="))
    lock.write_text(text.replace(host, "host=elsewhere.example").replace("duration=180.0", "duration=1.0"))
    assert attempt(jobs[0], context).state is State.TAKEN
    for _ in range(50):
        if (outcome := attempt(jobs[0], context)).state is not State.TAKEN:
            break
        time.sleep(0.1)
    assert outcome.state is State.DONE
