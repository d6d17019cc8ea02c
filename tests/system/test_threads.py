"""The number of threads, and how they wait for each other beside other programs."""

import os
import subprocess
import sys

import pytest

from bench.system.threads import (
    SMALL_STEP_MACS,
    WAITING,
    are_given,
    let_waiting_threads_sleep,
    threads_for,
    usable_cores,
)

SHARED_CORE = """
from bench.system.threads import let_waiting_threads_sleep
let_waiting_threads_sleep()
import os, time, torch
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # behind torch's loading: OpenMP still counts on all cores
image, layer = torch.randn(32, 16, 32, 32), torch.nn.Conv2d(16, 16, 3, padding=1)
def seconds(threads):
    torch.set_num_threads(threads)
    layer(image)
    begin = time.process_time()
    for _ in range(100):
        layer(image)
    return time.process_time() - begin
print(seconds(2) / seconds(1))
"""


def test_a_small_network_leaves_one_core_to_others():
    assert [threads_for(SMALL_STEP_MACS - 1, cores) for cores in (1, 2, 16)] == [1, 1, 15]


def test_a_large_network_takes_all_cores():
    assert [threads_for(SMALL_STEP_MACS, cores) for cores in (1, 2, 16)] == [1, 2, 16]


def test_waiting_threads_sleep_unless_the_user_said_how_they_wait():
    untouched = [{name: "7"} for name in WAITING]
    for environment in untouched:
        let_waiting_threads_sleep(environment)
    assert untouched == [{name: "7"} for name in WAITING]
    silent: dict[str, str] = {}
    let_waiting_threads_sleep(silent)
    assert list(silent) == ["GOMP_SPINCOUNT"]


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_a_number_of_threads_in_the_environment_is_the_users(name):
    assert are_given({name: "3"}) and not are_given({})


def test_cores_are_counted_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "many")
    assert usable_cores() >= 1
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert usable_cores() == 1


@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda _: ())(0)) < 2, reason="needs two cores to know of")
def test_two_threads_on_one_core_cost_little_more_than_one():
    """Processor time, which other programs hardly change: 1.05 times here, and 5 times where waiting threads spin."""
    environment = {name: value for name, value in os.environ.items() if name not in (*WAITING, "OMP_NUM_THREADS")}
    ran = subprocess.run([sys.executable, "-c", SHARED_CORE], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert float(ran.stdout) < 2.5
