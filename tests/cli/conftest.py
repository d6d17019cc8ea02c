"""The program as people run it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


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
