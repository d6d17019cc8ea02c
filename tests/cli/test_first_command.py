"""The first command of README, untimed and on one thread: quick, with the accuracies that it had when it was slow."""

import os
import resource
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from bench.networks.backbones import build_backbone
from bench.records import read_record

METHODS = "l1,lcnet,skipnet,early_exit,cascade"
EPOCHS = 100.0
"""The command's processor time, in epochs of a dense network on 1,097 digits: five of a dense network and six
of each method took 59 here before `l1` was one of them; twice as many epochs take more than this."""


def epoch_seconds() -> float:
    """Processor time of an epoch, from a few steps: whatever the machine and its neighbours, both go with it."""
    torch.set_num_threads(1)
    network = build_backbone("resnet14", classes=10).to(memory_format=torch.channels_last)
    images, labels = torch.randn(32, 3, 16, 16), torch.zeros(32, dtype=torch.long)
    seconds = []
    for _ in range(8):
        used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        F.cross_entropy(network(images), labels).backward()
        seconds.append(resource.getrusage(resource.RUSAGE_SELF).ru_utime - used)
    return 34 * sorted(seconds)[len(seconds) // 2]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Its records by method, and its processor time in epochs. Most of a minute: it is what a newcomer waits for."""
    out = tmp_path_factory.mktemp("first")
    command = [sys.executable, "-m", "bench", "run", "--methods", METHODS, "--no-timing", "--out", str(out)]
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True, capture_output=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used
    records = [read_record(path.parent) for path in out.glob("*/record.json")]
    return {record.method: record for record in records}, used / epoch_seconds()


def test_the_first_command_is_quick(first):
    assert first[1] < EPOCHS


def test_its_dense_network_has_learned_the_digits(first):
    assert first[0]["dense"].top1 >= 97.0


@pytest.mark.parametrize(
    "method, loses, misses",
    [
        ("lcnet", 1.5, 0.03),
        ("skipnet", 3.0, 0.03),
        ("early_exit", 1.5, 0.06),
        # The share that goes on to the dense network is set on 200 images and met on 500: two standard deviations of a
        # share near a half are sqrt(0.25 / 200 + 0.25 / 500) * 2 = 0.08.
        ("cascade", 1.5, 0.08),
    ],
)
def test_its_dynamic_networks_land_and_stay_near_the_dense_one(first, method, loses, misses):
    record = first[0][method]
    assert abs(record.macs_fraction - 0.5) <= misses
    assert record.top1 >= first[0]["dense"].top1 - loses
