"""Queues: what theory says of them, and that a real one loses nothing and answers nothing twice."""

import os
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch

from bench.measurement.load import Policy, Server, arrival_times, feed, highest_rate, mean_latency, serving, single_file

IMAGES = torch.arange(12.0).view(12, 1, 1, 1).expand(12, 3, 2, 2).contiguous()


def make_classifier():
    """Says which image it is, in half a millisecond."""

    def predict(images):
        time.sleep(0.0005)
        return -(images[:, 0, 0, :1] - torch.arange(12.0)).abs()

    return predict


def make_stuck():
    """Answers while it warms up, and then no more."""
    left = iter(range(20))
    return lambda images: images[:, 0, 0] if next(left, None) is not None else time.sleep(60)


def test_a_server_that_is_stuck_is_killed(monkeypatch):
    monkeypatch.setattr(serving, "END_S", 0.2)
    server = Server(make_stuck, IMAGES, 10, Policy())
    server.ask(0)
    begin = time.perf_counter()
    server.stop()
    assert not server.process.is_alive() and time.perf_counter() - begin < 10


@pytest.mark.parametrize("kind", ["poisson", "bursts"])
def test_arrivals_have_the_rate_that_was_asked_for(kind):
    due = arrival_times(kind, 200, 100)
    assert (np.diff(due) >= 0).all() and len(due) / due[-1] == pytest.approx(200, rel=0.1)
    together = np.unique(due, return_counts=True)[1]
    assert set(together) == ({8} if kind == "bursts" else {1})
    assert np.array_equal(due, arrival_times(kind, 200, 100))


@pytest.mark.parametrize("wake", [0.0, 0.5e-3])
@pytest.mark.parametrize("load", [0.3, 0.8])
def test_formula_and_single_file_agree_where_both_hold(load, wake):
    services = np.random.default_rng(0).gamma(4, 0.25e-3, 200_000)
    rate = load / services.mean()
    simulated = single_file(arrival_times("poisson", rate, len(services) / rate), services, wake)
    assert simulated.mean() == pytest.approx(mean_latency(rate, services, wake), rel=0.03)


def test_what_waits_is_told_by_hand():
    assert single_file([0, 1, 10], [4, 2, 1], wake=0.5).tolist() == [4.5, 5.5, 1.5]
    assert mean_latency(1.0, np.array([2.0])) == np.inf


@pytest.mark.parametrize("limit", [1.0, 2.0, 8.0])
def test_highest_rate_is_that_of_theory(limit):
    """With exponential services latencies are exponential, too: their p99 is ln(100) over the rate that is left."""
    services = np.random.default_rng(0).exponential(0.1, 50_000)
    assert highest_rate(services, limit) == pytest.approx(max(0.0, 10 - np.log(100) / limit), rel=0.1)
    assert highest_rate(services + limit, limit) < 0.01


@pytest.mark.parametrize("policy", [Policy(), Policy(4, 3.0), Policy(4, alike=True)])
def test_every_request_gets_its_own_answer(policy):
    server = Server(make_classifier, IMAGES, 300, policy, [number % 3 for number in range(12)])
    try:
        served = feed(server, arrival_times("bursts", 1000, 0.3)[:300])
        assert served.predicted.tolist() == [number % 12 for number in range(len(served.predicted))]
        assert (served.latency > 0.0005).all() and served.restarts == 0
        begun = server.begun[: len(served.predicted)].numpy()
        ways = pd.Series(served.predicted % 3).groupby(begun)
        assert (ways.size().max() == 1) == (policy.most == 1) and ways.size().max() <= policy.most
        assert (ways.nunique().max() == 1) == (policy.most == 1 or policy.alike)
    finally:
        server.stop()


def test_nothing_is_lost_or_answered_twice_when_the_server_is_killed():
    server = Server(make_classifier, IMAGES, 10_000, Policy(8, alike=True), [number % 3 for number in range(12)])
    killer = threading.Timer(0.3, lambda: os.kill(server.process.pid, signal.SIGKILL))
    try:
        killer.start()
        served = feed(server, arrival_times("poisson", 5000, 2.0))
        assert served.restarts == 1 and len(served.predicted) == 10_000
        assert served.predicted.tolist() == [number % 12 for number in range(len(served.predicted))]
        assert (server.times_answered[: len(served.predicted)] == 1).all()
    finally:
        killer.cancel()
        server.stop()
