"""The loop over jobs."""

from bench.attempt import State
from bench.engines.loop import run_all
from bench.suite import Suite, check_suite, distinct, plan


def test_a_job_that_is_named_twice_is_done_once():
    jobs = plan(check_suite(Suite(methods=("slim",), backbone="resnet8")))
    done = []

    def do(job):
        done.append(job.id)
        return State.DONE

    run_all([*jobs, *reversed(jobs)], do)
    assert done == [job.id for job in jobs] == [job.id for job in distinct(jobs + jobs)]
