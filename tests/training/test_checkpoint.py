"""A checkpoint holds weights and belongs to one job."""

import os

import pytest
import torch

from bench.errors import BadInput
from bench.training.checkpoint import load_checkpoint, save_checkpoint


class Attack:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def test_a_checkpoint_that_runs_code_is_refused_and_does_not_run(tmp_path):
    save_checkpoint(tmp_path / "checkpoint-1.pt", {"network": Attack(tmp_path / "ran")}, "job")
    with pytest.raises(BadInput, match="more than weights"):
        load_checkpoint(tmp_path / "checkpoint-1.pt", "job", torch.device("cpu"))
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_another_job_is_refused(tmp_path):
    save_checkpoint(tmp_path / "checkpoint-1.pt", {"epoch": 1}, "job on these images")
    assert load_checkpoint(tmp_path / "checkpoint-1.pt", "job on these images", torch.device("cpu"))["epoch"] == 1
    with pytest.raises(BadInput, match="another job or other data"):
        load_checkpoint(tmp_path / "checkpoint-1.pt", "job on other images", torch.device("cpu"))
