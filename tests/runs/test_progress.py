"""Progress without a terminal: a line for each epoch and job, with an estimate of what is left."""

import io
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace

import pytest
from rich.console import Console

from bench.recipe import UNTRAINED
from bench.runs.estimate import Estimate
from bench.runs.phases import PHASES
from bench.runs.plan.jobs import Job
from bench.runs.progress import RunProgress

RECIPE = UNTRAINED | {"epochs": 3, "batch_size": 32, "distillation": 0.5}
JOB = Job(method="lcnet", dataset="digits", backbone="resnet8", point=0.5, seed=0, source="source", **RECIPE)
OTHER = replace(JOB, seed=1, epochs=1, trials=2)
ROW = {"stage": "joint", "epoch": 1, "of": 3, "validation_top1": 96.1, "validation_macs_fraction": 0.512}


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_what_is_left_is_estimated_from_what_was(clock):
    estimate = Estimate([JOB, OTHER], PHASES, clock=clock)
    assert str(estimate) == ""
    estimate.begin()
    clock.now += 10
    estimate.end_epoch(JOB)
    # Two epochs of this job, one of each of the other's two trials; what comes behind them is not known yet.
    assert str(estimate) == "about 40 s left, then times of 2 networks"
    for _ in range(2):
        clock.now += 10
        estimate.end_epoch(JOB)
    clock.now += 4
    estimate.end(JOB, PHASES[0], counts=True)
    assert str(estimate) == "about 24 s left, then times of 2 networks"
    estimate.end(OTHER, PHASES[0], counts=False)  # kept: it took no time, and its epochs are no more to come
    estimate.begin()
    clock.now += 300
    estimate.end(JOB, PHASES[1], counts=True)
    assert str(estimate) == "about 5 min left"
    estimate.end(OTHER, PHASES[1], counts=True)
    assert str(estimate) == "about 0 s left"


def test_of_workers_only_records_are_heard(clock):
    estimate = Estimate([JOB, OTHER], PHASES[:1], shows_epochs=False, clock=clock)
    clock.now += 7200
    estimate.end(JOB, PHASES[0], counts=True)
    assert str(estimate) == "about 2.0 h left"


@pytest.fixture
def progress(monkeypatch):
    """Two jobs without times, on a stream that is no terminal though colours are forced, as CI does."""

    def make(stream: io.StringIO) -> RunProgress:
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setenv("FORCE_COLOR", "1")
        return RunProgress(Console(), [JOB, OTHER], PHASES[:1], shows_epochs=True)

    return make


def test_each_epoch_and_each_job_is_a_line(progress):
    stream = io.StringIO()
    with progress(stream) as shown:
        shown.start(JOB)
        shown.epoch(ROW)
        shown.finish(JOB, PHASES[0])
        shown.finish(OTHER, PHASES[0], "kept")
    first, second, third = stream.getvalue().splitlines()
    assert first.startswith(f"[0/2] {JOB.id}: joint 1/3: validation 96.1 % at 0.512 of the MACs; about ")
    assert second.startswith(f"[1/2] {JOB.id}: recorded; about ") and second.endswith(" left")
    assert third.startswith(f"[2/2] {OTHER.id}: kept")
    assert "\x1b" not in stream.getvalue()


def test_output_that_fails_ends_no_training(progress):
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    with progress(Full()) as shown:
        shown.start(JOB)
        shown.epoch(ROW)
        shown.finish(JOB, PHASES[0])


def test_no_training_waits_for_the_reader_of_a_full_pipe(progress):
    def hang(*_: object) -> None:
        raise AssertionError("it waits")

    _, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b" " * 4096)
    os.set_blocking(writer, True)
    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(10)
    try:
        with progress(open(writer, "w")) as shown:
            shown.start(JOB)
            shown.epoch(ROW)
            shown.finish(JOB, PHASES[0])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("unlike", "lines"), [({}, 0), ({"TERM": "dumb"}, 2)])
def test_a_terminal_shows_bars_unless_it_cannot(progress, monkeypatch, unlike, lines):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    for name, value in unlike.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    with progress(stream) as shown:
        shown.start(JOB)
        shown.epoch(ROW)
        shown.finish(JOB, PHASES[0])
    assert stream.getvalue().count(f"{JOB.id}: ") == lines
