"""Micro-batches: the same step whoever computes them, and training that goes on in the middle of an epoch."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from baselines.dense import Dense
from bench.errors import BadInput
from bench.methods.interface import Budget
from bench.networks.backbones import build_backbone
from bench.training import Checkpoint, Recipe, Trainer, accumulation
from bench.training.accumulation import accumulate

RUN = (
    "run --methods lnet --backbone resnet8-w0.5 --epochs 1 --backbone-epochs 1 --batch-size 128 --micro-batch 64 "
    "--no-timing"
).split()


def test_gradients_and_statistics_are_means_over_micro_batches():
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
    inputs = torch.randn(4, 5, 3)

    def run(part):
        loss = network(part).square().mean() / len(inputs)
        loss.backward()
        return loss.item()

    loss = accumulate(network, [lambda part=part: run(part) for part in inputs], len(inputs))
    assert network[0].running_mean == pytest.approx((0.1 * inputs.mean((0, 1))).numpy(), abs=1e-6)
    assert network[0].num_batches_tracked == 1
    gradient = network[1].weight.grad.clone()
    network.zero_grad()
    whole = torch.stack([network(part).square().mean() for part in inputs]).mean()
    whole.backward()
    assert loss == pytest.approx(whole.item(), rel=1e-5)
    assert torch.allclose(gradient, network[1].weight.grad, rtol=1e-4)


class Killed(Exception):
    pass


def test_a_training_killed_within_an_epoch_ends_as_an_undisturbed_one(digits, tmp_path, monkeypatch):
    few = type(digits)(
        **{name: getattr(digits, name) for name in digits.__dataclass_fields__}
        | {"train": digits.train.first(192), "validation": digits.validation.first(50)}
    )
    ends, histories = [], []
    for dies in (False, True):
        torch.manual_seed(0)
        network = Dense().build(build_backbone("resnet8", classes=10), None)
        stages = Dense().stages(network, None, Budget(2, pretrained=False))
        steps, step = 0, torch.optim.SGD.step

        def counting(self, *arguments):
            nonlocal steps
            steps += 1
            if steps == 9 and dies:  # noqa: B023  Of 6 steps an epoch: in the middle of the second.
                raise Killed
            return step(self, *arguments)  # noqa: B023

        def run():
            recipe = Recipe(batch_size=32, micro_batch=16)
            checkpoint = Checkpoint(tmp_path / f"{dies}.pt", every_s=0)  # noqa: B023
            return Trainer(network, few, recipe, checkpoint, seed=1).fit(stages)  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(torch.optim.SGD, "step", counting)
            if dies:
                with pytest.raises(Killed):
                    run()
        histories.append(run())
        ends.append(network.state_dict())
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())
    pd.testing.assert_frame_equal(*(history.drop(columns="seconds") for history in histories))


def test_two_processes_make_the_record_of_one(tmp_path, bench_here):
    """Every image counted once, the same predictions and MACs, through the command line as people use it."""
    torch.set_num_threads(1)
    assert bench_here(*RUN, "--out", "one")[0] == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "bench"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    environment.pop("BENCH_DATA", None)
    finished = subprocess.run(
        [*torchrun, *RUN, "--out", "two"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.count("records: two/") == 1
    folders = sorted(path.parent.name for path in (tmp_path / "one").glob("*/record.json"))
    assert len(folders) == 2
    for name in folders:
        one, two = (pd.read_parquet(tmp_path / out / name / "samples.parquet") for out in ("one", "two"))
        assert len(two) == 500 and two["index"].is_unique and two["index"].tolist() == one["index"].tolist()
        exact = ["label", "prediction", "macs", "gate_macs"]
        pd.testing.assert_frame_equal(one[exact], two[exact])
        records = [json.loads((tmp_path / out / name / "record.json").read_text()) for out in ("one", "two")]
        for field in ("top1", "macs_mean", "macs_std", "n_test", "stage_epochs"):
            assert records[0][field] == records[1][field], field
        weights = [load_file(tmp_path / out / name / "model.safetensors") for out in ("one", "two")]
        assert all(torch.allclose(value, weights[1][key], atol=1e-5) for key, value in weights[0].items())
        assert records[1]["details"]["placement"]["processes"] == 2


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (Recipe(batch_size=32), "2 processes need to know .*--micro-batch"),
        (Recipe(batch_size=32, micro_batch=32), "1 micro-batches .* cannot be shared among 2 processes"),
    ],
)
def test_batches_that_cannot_be_shared(digits, tmp_path, monkeypatch, recipe, says):
    monkeypatch.setattr(accumulation, "world_size", lambda: 2)
    network = Dense().build(build_backbone("resnet8", classes=10), None)
    stages = Dense().stages(network, None, Budget(1, pretrained=False))
    with pytest.raises(BadInput, match=says):
        Trainer(network, digits, recipe, Checkpoint(tmp_path / "c.pt")).fit(stages)
