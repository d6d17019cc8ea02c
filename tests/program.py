"""The program as people run it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from bench.cli import main


def start_in(folder: Path, *arguments: object) -> subprocess.Popen:
    """Starts ``bench`` with the given arguments in ``folder``, always with two threads."""
    command = [sys.executable, "-m", "bench", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "2", "COLUMNS": "200"}
    environment.pop("BENCH_DATA", None)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


def end(process: subprocess.Popen) -> subprocess.CompletedProcess:
    """Waits for the end of a process, and returns what it said."""
    with process:
        out, error = process.communicate(timeout=900)
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


@pytest.fixture
def start(tmp_path):
    """Starts ``bench`` with the given arguments in a temporary folder."""
    return partial(start_in, tmp_path)


@pytest.fixture
def bench(start):
    """Runs ``bench`` to its end; returns the finished process."""
    return lambda *arguments: end(start(*arguments))


def exit_code(*arguments: object) -> int:
    """Runs ``bench`` within this process, which saves seconds of imports; returns its exit code.

    Plots take seconds too: only ``bench report`` and its like draw them here, and no run.
    """
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        if arguments[0] == "run":
            patch.setattr("bench.report.write.draw", lambda *what: [])
        main([str(argument) for argument in arguments])
    return ended.value.code


@pytest.fixture
def bench_here(tmp_path, monkeypatch, capsys):
    """The same in a temporary folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATA", raising=False)
    return lambda *arguments: (exit_code(*arguments), *capsys.readouterr())
