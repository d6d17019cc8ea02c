"""The threads of a run, by the size of what it trains."""

import pytest
import torch

from bench.runs.plan.planning import plan
from bench.runs.plan.suite import Suite, check_suite
from bench.runs.threads import step_macs, use_threads
from bench.system import threads as system_threads


@pytest.fixture
def nothing_given(monkeypatch):
    for name in system_threads.COUNTING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("bench.runs.threads.usable_cores", lambda: 2)


def jobs(**options):
    return plan(check_suite(Suite(methods=("dense",), **options)))


def test_a_run_on_the_digits_leaves_one_of_two_cores_to_others(nothing_given):
    use_threads(jobs())
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("dataset", ["cifar10", "imagenet"])
def test_larger_networks_take_both_cores(nothing_given, dataset):
    use_threads(jobs(dataset=dataset))
    assert torch.get_num_threads() == 2


def test_a_run_that_trains_nothing_takes_both_cores(nothing_given):
    use_threads(jobs(epochs=0))
    assert torch.get_num_threads() == 2


def test_a_given_number_of_threads_stays(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    use_threads(jobs())
    assert torch.get_num_threads() == 2


def test_a_container_with_fewer_cores_than_the_machine_counts(nothing_given, monkeypatch):
    monkeypatch.setattr("bench.runs.threads.usable_cores", lambda: 1)
    use_threads(jobs(dataset="cifar10"))
    assert torch.get_num_threads() == 1


def test_a_step_counts_the_images_that_are_forwarded_together():
    (whole,), (part,) = jobs(batch_size=32), jobs(batch_size=32, micro_batch=8)
    assert step_macs(whole) == 4 * step_macs(part)
    (small,), (large,) = (jobs(dataset="imagenet", train_size=size) for size in (112, 224))
    assert step_macs(large) == pytest.approx(4 * step_macs(small), rel=0.01)
