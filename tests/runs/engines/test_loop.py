"""The loop over jobs."""

from bench.runs.attempt import State
from bench.runs.engines.loop import run_all
from bench.runs.plan.jobs import distinct
from bench.runs.plan.planning import plan
from bench.runs.plan.suite import Suite, check_suite


def test_a_job_that_is_named_twice_is_done_once():
    jobs = plan(check_suite(Suite(methods=("slim",), backbone="resnet8")))
    done = []

    def do(job):
        done.append(job.id)
        return State.DONE

    run_all([*jobs, *reversed(jobs)], do)
    assert done == [job.id for job in jobs] == [job.id for job in distinct(jobs + jobs)]
