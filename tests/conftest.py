"""Real data where it lies on this machine; a clear skip where it does not, and a failure where it must."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Test processes share the cores, so a thread that waits must sleep; OpenMP reads this when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
import torch
from program import bench, bench_here, start

from bench.data import load_data
from bench.networks.backbones import Backbone, build_backbone, load_weights
from bench.runs.plan.jobs import Job

__all__ = ["bench", "bench_here", "start"]

HOLD = """
import sys, time
from pathlib import Path
from bench.runs.locks import job_lock
with job_lock(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(600)
"""
ROOT = Path(__file__).resolve().parent.parent


def _real_data(name: str) -> Path:
    data_dir = Path(os.environ.get("BENCH_DATA", ROOT.parent / "shared" / "data"))
    if (data_dir / name).is_dir():
        return data_dir
    message = f"{name} is not in {data_dir}: set BENCH_DATA to a folder that holds it"
    if os.environ.get("BENCH_REQUIRE_DATA"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(autouse=True)
def _threads(monkeypatch):
    """Two threads whatever ran before, as if the user had said so: results depend on their number."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def cifar_dir() -> Path:
    """Folder that holds the real CIFAR-10."""
    return _real_data("cifar-10-batches-py")


@pytest.fixture(scope="session")
def public_weights():
    """Path of the public weights of a CIFAR ResNet, by depth."""
    folder = _real_data("checkpoints") / "checkpoints" / "akamaster"
    return {int(path.stem.split("-")[0].removeprefix("resnet")): path for path in folder.glob("*.th")}


@pytest.fixture(scope="session")
def digits():
    return load_data("digits", None)


@pytest.fixture(scope="session")
def cifar10(cifar_dir):
    return load_data("cifar10", cifar_dir)


@pytest.fixture
def trained_resnet20(public_weights) -> Backbone:
    backbone = build_backbone("resnet20", classes=10)
    load_weights(backbone, public_weights[20])
    return backbone.eval()


@pytest.fixture
def hold():
    """Starts processes that hold a job's lock, one by one; ends them."""
    held = []

    def hold(out: Path, job: Job) -> subprocess.Popen:
        command = [sys.executable, "-c", HOLD, str(out), job.id]
        held.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert held[-1].stdout.readline() == "held\n"
        return held[-1]

    yield hold
    for process in held:
        process.kill()
        process.wait()
