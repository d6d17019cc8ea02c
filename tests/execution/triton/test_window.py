"""Kernels on streams: every order that the plan allows keeps what depends on one another in its order."""

from __future__ import annotations

import contextlib
from itertools import combinations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from orders import adversarial

from bench.execution.triton.window import Access, Step, planned, run_on_streams

MEMORY = st.frozensets(st.integers(0, 4), max_size=2)
ACCESSES = st.lists(st.builds(Access, MEMORY, MEMORY), max_size=14)


def conflict(one: Access, other: Access) -> bool:
    return bool(one.writes & (other.reads | other.writes) or one.reads & other.writes)


@settings(deadline=None)
@given(ACCESSES, st.permutations(range(4)), st.integers(1, 6))
def test_what_depends_on_one_another_keeps_its_order(accesses, favourites, window):
    steps = planned(accesses, len(favourites), window)
    order = adversarial(steps, favourites)
    assert sorted(order) == list(range(len(accesses)))
    for first, second in combinations(range(len(accesses)), 2):
        if conflict(accesses[first], accesses[second]):
            assert order.index(first) < order.index(second)
    issued = [step.kernel for step in steps]
    for number, kernel in enumerate(issued):
        assert sum(other < kernel for other in issued[number:]) < window


def chains(images: int, length: int) -> list[Access]:
    """Kernels of several images in turns, each of which writes over what the one before it wrote."""
    return [Access(frozenset({image}), frozenset({image})) for _ in range(length) for image in range(images)]


@pytest.mark.parametrize(("streams", "window", "used"), [(4, 8, 4), (2, 8, 2), (8, 8, 4), (4, 1, 1)])
def test_images_run_beside_one_another_and_wait_for_nobody(streams, window, used):
    steps = planned(chains(4, 3), streams, window)
    assert len({step.stream for step in steps}) == used
    assert not any(step.waits for step in steps)


class Stream:
    """Writes down what it is told, as a stream of a GPU would do it later."""

    def __init__(self, log: list, name: str):
        self.log, self.name = log, name

    def wait_stream(self, other):
        self.log.append((self.name, "behind all of", other.name))

    def wait_event(self, event):
        self.log.append((self.name, "behind", event))

    def record_event(self):
        ran = [kernel for name, what, kernel in self.log if (name, what) == (self.name, "runs")]
        return ran[-1]


def test_streams_begin_behind_the_current_one_wait_for_events_and_are_waited_for(monkeypatch):
    log, on = [], []
    current, lanes = Stream(log, "current"), [Stream(log, "first"), Stream(log, "second")]

    @contextlib.contextmanager
    def stream(lane):
        on.append(lane)
        yield
        on.pop()

    monkeypatch.setattr(torch.cuda, "current_stream", lambda: current)
    monkeypatch.setattr(torch.cuda, "stream", stream)
    kernels = [lambda number=number: log.append((on[-1].name, "runs", number)) for number in range(3)]
    run_on_streams([Step(0, 0, ()), Step(1, 1, ()), Step(2, 1, (0,))], kernels, lanes)
    assert log == [
        ("first", "behind all of", "current"),
        ("second", "behind all of", "current"),
        ("first", "runs", 0),
        ("second", "runs", 1),
        ("second", "behind", 0),
        ("second", "runs", 2),
        ("current", "behind all of", "first"),
        ("current", "behind all of", "second"),
    ]
