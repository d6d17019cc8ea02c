"""Processes that train together: how they meet, and what is left of their group when it has ended."""

import datetime
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch.distributed as dist

from bench.errors import BadInput
from bench.system import distributed

LEAVES = """
import os
from pathlib import Path

import torch

from bench.system.distributed import all_reduce, group

with group("cpu"):
    # The first optimiser of a process loads much of torch; all of it must be indifferent to the group.
    torch.optim.SGD(torch.nn.Linear(2, 2).parameters())
    all_reduce(torch.ones(1))
names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
Path(f"{os.environ['RANK']}.txt").write_text("".join(name for name in names if "gloo" in name))
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


TORCHRUN = {"TORCHELASTIC_RUN_ID": "1", "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}
AGENT = {"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0"}


@pytest.fixture
def environment(monkeypatch):
    """Sets variables as a launcher does, and makes patience short."""
    for name in (*TORCHRUN, *AGENT, "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(distributed, "MEETING_S", 1.5)
    monkeypatch.setattr(distributed, "ATTEMPT", datetime.timedelta(seconds=1))

    def set_all(**variables: object) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))

    return set_all


@pytest.fixture
def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize("size", ["2", "abc", ""])
def test_variables_of_other_launchers_make_no_group(environment, size):
    """Job scripts and platforms set them; Kubeflow sets all four."""
    environment(WORLD_SIZE=size, RANK=0, MASTER_ADDR="127.0.0.1", MASTER_PORT=1)
    assert distributed.launched() == 1
    with distributed.group("cpu"):
        assert (distributed.world_size(), distributed.rank()) == (1, 0)


@pytest.mark.parametrize("size", ["abc", ""])
def test_torchruns_variables_without_a_number_are_refused(environment, size):
    environment(**TORCHRUN | {"WORLD_SIZE": size})
    with pytest.raises(BadInput, match="WORLD_SIZE is no number"), distributed.group("cpu"):
        pass


@pytest.mark.parametrize("variables", [{}, AGENT])
def test_a_torchrun_that_is_gone_is_not_waited_for(environment, free_port, variables):
    environment(**TORCHRUN, **variables, MASTER_PORT=free_port)
    with pytest.raises(BadInput, match="no torchrun answers"), distributed.group("cpu"):
        pass


def test_processes_that_do_not_come_are_not_waited_for(environment, free_port):
    store = dist.TCPStore("127.0.0.1", free_port, is_master=True, wait_for_workers=False)
    environment(**TORCHRUN, **AGENT, MASTER_PORT=store.port)
    with pytest.raises(BadInput, match="1 of 2 processes of torchrun did not come"), distributed.group("cpu"):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_the_others(free_port, number):
    """Neither did once: the wait was for a day, in a call that heard no signals."""
    waits = "import datetime, signal; from bench.system import distributed; from bench.system.distributed import group;"
    waits += "distributed.ATTEMPT = datetime.timedelta(seconds=1); signal.signal(signal.SIGTERM, signal.SIG_DFL);"
    waits += "signal.signal(signal.SIGINT, signal.default_int_handler);"  # a shell's background jobs ignore it
    waits += "print('waits', flush=True); group('cpu').__enter__()"
    variables = os.environ | TORCHRUN | AGENT | {"MASTER_PORT": str(free_port)}
    command = [sys.executable, "-c", waits]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "waits\n"
        time.sleep(1)
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(timeout=30) != 0
