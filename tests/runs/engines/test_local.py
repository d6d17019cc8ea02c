"""Jobs on worker processes: the cap, a killed worker, the records; and what the options refuse."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch

from bench.errors import BadInput
from bench.runs.engines.local import pinned_gpus

JOBS = "run --methods slim --seeds 0,1 --backbone resnet8-w0.25 --epochs 1 --no-timing".split()


def _workers(folder: Path) -> list[int]:
    """Process ids of the workers of the runs into ``folder``, without the forks that run jobs."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_text().split("\0")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if "submitit.core._submit" in command and str(folder) in " ".join(command):
            found[int(entry.name)] = parent
    return [process for process, parent in found.items() if parent not in found]


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds worker processes in /proc")
def test_two_workers_of_which_one_is_killed_make_the_records_of_inline(start, bench_here, tmp_path, same_results):
    out = tmp_path / "local"
    process = start(*JOBS, "--out", "local", "--engine", "local", "--workers", "2")
    killed = None
    while process.poll() is None:
        held = [path.name for path in (out / ".locks").glob("*-digits-*")]
        if killed is None and len(held) == 2:
            killed = _workers(out)[0]
            os.kill(killed, signal.SIGKILL)
        time.sleep(0.02)
    _, error = process.communicate()
    assert process.returncode == 0, error
    assert killed, "two workers never held a job each"
    assert not (out / "engine").exists()  # the plan and what submitit wrote went with the end of the run

    torch.set_num_threads(1)  # as each worker has, of the two that ``start`` gives
    code, _, error = bench_here(*JOBS, "--out", "inline")
    assert code == 0, error
    same_results(out, tmp_path / "inline")
    for folder, engine, workers in ((out, "local", 2), (tmp_path / "inline", "inline", 1)):
        for path in folder.glob("*/record.json"):
            placement = json.loads(path.read_text())["details"]["placement"]
            assert placement["engine"] == engine and placement["workers"] == workers and placement["threads"] == 1
            assert placement["alone"] == (workers == 1)


def test_every_worker_has_devices_of_its_own():
    assert pinned_gpus([4, 5, 6, 7], 2, 2) == [[4, 5], [6, 7]]
    with pytest.raises(BadInput, match="need 6, here are 4"):
        pinned_gpus([4, 5, 6, 7], 2, 3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--engine", "local"), "--workers N"),
        (("--workers", "2"), "--workers and --gpus-per-job are for"),
        (("--engine", "local", "--workers", "0"), "0"),
        (("--engine", "nosuch"), "nosuch"),
        (("--slurm", "time=5"), "--slurm is for --engine slurm"),
        (("--engine", "slurm", "--workers", "1", "--slurm", "time"), "takes KEY=VALUE"),
        (("--engine", "slurm", "--workers", "1", "--slurm", "cpus_per_task=x"), "whole number from 1"),
    ],
)
def test_refusals(bench_here, arguments, says):
    code, out, error = bench_here("run", "--methods", "dense", *arguments)
    assert code == 2 and len(error.strip().splitlines()) == 1 and says in error and out == ""


def test_without_slurm_one_line(bench_here, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code, _, error = bench_here("run", "--methods", "dense", "--epochs", "0", "--engine", "slurm", "--workers", "1")
    assert code == 2 and len(error.strip().splitlines()) == 1 and "srun" in error
