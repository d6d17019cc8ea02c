"""The program as people run it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.cli import main


@pytest.fixture
def start(tmp_path):
    """Starts ``bench`` with the given arguments in a temporary folder, always with two threads."""

    def start(*arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-m", "bench", *map(str, arguments)]
        environment = os.environ | {"OMP_NUM_THREADS": "2", "COLUMNS": "200"}
        environment.pop("BENCH_DATA", None)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes)

    return start


@pytest.fixture
def bench(start):
    """Runs ``bench`` to its end; returns the finished process."""

    def run(*arguments: object) -> subprocess.CompletedProcess:
        with start(*arguments) as process:
            out, error = process.communicate(timeout=900)
        return subprocess.CompletedProcess(process.args, process.returncode, out, error)

    return run


@pytest.fixture
def bench_here(tmp_path, monkeypatch, capsys):
    """The same within this process, which saves seconds of imports: exit code, standard output, standard error.

    Plots take seconds too: only ``bench report`` and its like draw them here, and no run.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATA", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as exit_:
            if arguments[0] == "run":
                patch.setattr("bench.report.write.draw", lambda *what: [])
            main([str(argument) for argument in arguments])
        return exit_.value.code, *capsys.readouterr()

    return run
