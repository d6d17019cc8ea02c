"""The program as people run it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.cli import main


@pytest.fixture
def bench(tmp_path):
    """Runs ``bench`` with the given arguments in a temporary folder; returns the finished process."""

    def run(*arguments: object, **options) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "bench", *map(str, arguments)]
        environment = os.environ | {"OMP_NUM_THREADS": "2", "COLUMNS": "200"}
        environment.pop("BENCH_DATA", None)
        settings = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "timeout": 500}
        return subprocess.run(command, **settings | options)

    return run


@pytest.fixture
def bench_here(tmp_path, monkeypatch, capsys):
    """The same within this process, which saves seconds of imports: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BENCH_DATA", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        return exit_.value.code, *capsys.readouterr()

    return run
