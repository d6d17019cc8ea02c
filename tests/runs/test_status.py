"""Where jobs stand, as another process sees it."""

import json

import pytest

from bench.errors import BadInput
from bench.runs.attempt import record_failure
from bench.runs.plan.planning import plan
from bench.runs.plan.suite import Suite, check_suite
from bench.runs.plan.written import CANCELLED_FILE, PLAN_FILE, RUNS, Plan, read_plans
from bench.runs.status import CANCELLED, DONE, FAILED, RUNNING, WAITING, job_statuses


@pytest.fixture
def jobs():
    return plan(check_suite(Suite(methods=("lcnet",), backbone="resnet8", epochs=0)))


@pytest.fixture
def planned(jobs, tmp_path):
    """A run that was planned and has not begun; its folder."""
    folder = tmp_path / RUNS / "1"
    folder.mkdir(parents=True)
    Plan("local", 2, "bench run", ("record",), jobs).write(folder)
    return folder


def _states(out):
    return [(status.state, status.reason) for status in job_statuses(out)]


def test_waiting_running_failed_cancelled(jobs, planned, tmp_path, hold):
    dense, lcnet = jobs
    assert _states(tmp_path) == [(WAITING, "for a worker"), (WAITING, f"for {dense.id}")]
    holder = hold(tmp_path, dense)
    assert _states(tmp_path)[0] == (RUNNING, "no checkpoint yet")
    holder.kill()
    holder.wait()
    record_failure(lcnet, tmp_path, "bench run", BadInput("no such weights"))
    assert _states(tmp_path)[1] == (FAILED, "no such weights")
    (planned / CANCELLED_FILE).touch()
    assert _states(tmp_path)[0][0] == CANCELLED


def test_what_ended_is_done_and_shown_by_the_command(bench_here, tmp_path):
    arguments = ("--methods", "dense", "--backbone", "resnet8", "--epochs", "0", "--no-timing")
    assert bench_here("run", *arguments, "--out", "runs")[0] == 0
    assert [status.state for status in job_statuses(tmp_path / "runs")] == [DONE]
    code, out, _ = bench_here("status", "runs")
    assert code == 0 and "1 done, 0 running, 0 waiting, 0 failed" in out
    assert bench_here("cancel", "runs")[1].startswith("nothing is planned")


def test_no_folder(bench_here):
    code, _, error = bench_here("status", "nosuch")
    assert code == 2 and "nosuch" in error


def test_a_plan_from_before_phases_is_read(planned, tmp_path):
    values = json.loads((planned / PLAN_FILE).read_text())
    del values["phases"]
    (planned / PLAN_FILE).write_text(json.dumps(values | {"timing": True}))
    assert read_plans(tmp_path)[planned].phases == ("record", "times")
    assert _states(tmp_path)[0] == (WAITING, "for a worker")
