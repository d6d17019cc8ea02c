"""A suite on a real Slurm cluster: run by ``tests/runs/engines/slurm.sh``, which starts one on this machine."""

import os
import subprocess
import time

import pytest

pytestmark = pytest.mark.skipif("BENCH_TEST_SLURM" not in os.environ, reason="needs the cluster of slurm.sh")

JOBS = ("run", "--methods", "lnet,slim", "--seeds", "0,1", "--backbone", "resnet8", "--epochs", "3", "--no-timing")
ON_SLURM = ("--engine", "slurm", "--workers", "2", "--slurm", "cpus_per_task=2")


def _queue() -> list[list[str]]:
    """Array and index, state, and restarts of all that is queued."""
    listed = subprocess.run(
        ["squeue", "--noheader", "--array", "--Format=JobArrayID:30,StateCompact:10,restartcnt:10"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split() for line in listed.stdout.splitlines()]


def test_a_suite_with_a_cap_and_a_requeued_job_makes_the_records_of_inline(start, bench, tmp_path, same_results):
    out = tmp_path / "slurm"
    process = start(*JOBS, "--out", "slurm", *ON_SLURM)
    most, requeued, restarts = 0, None, set()
    while process.poll() is None:
        queue = _queue()
        running = [name for name, state, _ in queue if state == "R"]
        most = max(most, len(running))
        restarts |= {name for name, _, count in queue if int(count) > 0}
        if requeued is None and list(out.glob("lnet-*/checkpoint-1.pt")) and running:
            requeued = running[0]
            subprocess.run(["scontrol", "requeue", requeued], check=True)
        elif requeued and [requeued, "PD"] in [entry[:2] for entry in queue]:
            # Slurm lets requeued jobs wait for two minutes; this test need not.
            subprocess.run(["scontrol", "update", f"JobId={requeued}", "StartTime=now"], check=False)
        time.sleep(0.2)
    _, error = process.communicate()
    assert process.returncode == 0, error
    assert most == 2, "the array's cap"
    assert restarts == {requeued}
    assert bench(*JOBS, "--out", "inline").returncode == 0
    same_results(out, tmp_path / "inline")


def test_timing_has_the_machine_to_itself_and_cancel_empties_the_queue(start, bench, tmp_path):
    process = start(*JOBS[:-1], "--out", "timed", "--engine", "slurm", "--workers", "2")
    while not (timing := [line for line in _exclusive() if "Dependency" in line]):
        assert process.poll() is None
        time.sleep(0.2)
    assert len(timing) == 6, "one element per job, behind all others"
    assert bench("cancel", "timed").returncode == 0
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in error
    assert not _queue()
    status = bench("status", "timed")
    assert status.returncode == 0 and "6 cancelled" in status.stdout


def _exclusive() -> list[str]:
    listed = subprocess.run(
        ["squeue", "--noheader", "--array", "--Format=OverSubscribe:20,Reason:30"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line for line in listed.stdout.splitlines() if line.startswith("NO")]
