"""Processes that train together: what is left of their group when it has ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LEAVES = """
from pathlib import Path

import torch

from bench.system.distributed import add_up, group, rank

with group("cpu"):
    # The first optimiser of a process loads much of torch; all of it must be indifferent to the group.
    torch.optim.SGD(torch.nn.Linear(2, 2).parameters())
    add_up(torch.ones(1))
names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
Path(f"{rank()}.txt").write_text("".join(name for name in names if "gloo" in name))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are listed by Linux's /proc")
def test_no_thread_outlives_the_group(tmp_path):
    """One that did held Python's objects while the interpreter ended, and "terminate called" ended the process."""
    (tmp_path / "leaves.py").write_text(LEAVES)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "leaves.py"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    finished = subprocess.run(torchrun, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert [(tmp_path / f"{rank}.txt").read_text() for rank in (0, 1)] == ["", ""]
