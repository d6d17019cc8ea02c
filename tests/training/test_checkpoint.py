"""A checkpoint holds weights and belongs to one job."""

import os
from dataclasses import replace

import pytest
import torch

from bench.errors import BadInput
from bench.training.checkpoint import Checkpoint


class Attack:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def test_a_checkpoint_that_runs_code_is_refused_and_does_not_run(tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint-1.pt", "job")
    checkpoint.save({"network": Attack(tmp_path / "ran")})
    with pytest.raises(BadInput, match="more than weights"):
        checkpoint.load(torch.device("cpu"))
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_another_job_is_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint-1.pt", "job on these images")
    checkpoint.save({"epoch": 1})
    assert checkpoint.load(torch.device("cpu"))["epoch"] == 1
    with pytest.raises(BadInput, match="another job or other data"):
        replace(checkpoint, identity="job on other images").load(torch.device("cpu"))
