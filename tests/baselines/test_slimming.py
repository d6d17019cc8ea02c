"""Network slimming: one threshold, real surgery in the middle of training, and continuing behind it."""

import copy
import dataclasses

import pytest
import torch
from torch import nn

from baselines.slimming import Slimmed, Slimming, SparsityLoss, inner_scales, keep_largest
from bench.data import load_data
from bench.methods.interface import Budget, TrainingBatch
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.training import Checkpoint, Recipe, Trainer


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    backbone = cifar_resnet(8)
    for scale in inner_scales(backbone):
        nn.init.uniform_(scale, 0.0, 1.0)
    return backbone.eval()


def test_one_threshold_for_the_whole_network(backbone):
    scales = torch.cat([scale.detach() for scale in inner_scales(backbone)])
    keep_largest(backbone, 40)
    kept = torch.cat([scale.detach() for scale in inner_scales(backbone)])
    assert torch.equal(kept.sort().values, scales.topk(40).values.sort().values)


def test_no_layer_is_emptied(backbone):
    with torch.no_grad():
        backbone.blocks[1].units[0].norm.weight.mul_(1e-6)
    keep_largest(backbone, 20)
    assert backbone.blocks[1].inner_channels == 1
    assert backbone(torch.randn(2, 3, 16, 16)).isfinite().all()


def test_removing_channels_that_are_silent_changes_nothing(backbone):
    with torch.no_grad():
        for block in backbone.blocks:
            block.units[0].norm.weight[::2] = 0
            block.units[0].norm.bias[::2] = 0
    images = torch.randn(3, 3, 16, 16)
    expected = backbone(images)
    assert torch.allclose(keep_largest(backbone, 56)(images), expected, atol=1e-5)


@pytest.mark.parametrize("point", [0.3, 0.6])
def test_pruning_lands_on_the_point(backbone, point):
    network = DynamicNetwork(backbone)
    dense = network.backbone_cost.total
    parameters = [id(parameter) for parameter in network.parameters()]
    Slimmed(point)(network)
    assert network.backbone_cost.total == count_backbone(backbone).total
    assert network.backbone_cost.total / dense == pytest.approx(point, abs=0.02)
    assert [id(parameter) for parameter in network.parameters()] == parameters


def test_the_penalty_is_the_sum_of_absolute_scales(backbone):
    network = DynamicNetwork(backbone)
    images = torch.randn(2, 3, 16, 16)
    step = TrainingBatch(images, torch.tensor([0, 1]), 0.5, lambda logits: 0 * logits.sum(1))
    expected = 0.5 * sum(scale.abs().sum() for scale in inner_scales(backbone))
    assert SparsityLoss(0.5)(network, step).item() == pytest.approx(expected.item(), rel=1e-5)


def test_training_killed_behind_the_surgery_ends_with_the_same_network(backbone, tmp_path):
    data = load_data("digits", None)
    few = dataclasses.replace(
        data, train=_first(data.train, 64), validation=_first(data.validation, 50), test=_first(data.test, 10)
    )

    class Killed(Exception):
        pass

    def kill(row):
        if (row["stage"], row["epoch"]) == ("tuning", 1):
            raise Killed

    def run(network, checkpoint, on_epoch=lambda row: None):
        stages = Slimming().stages(network, 0.5, Budget(4, pretrained=True))
        trainer = Trainer(
            network, few, Recipe(batch_size=32), Checkpoint(checkpoint), point=0.5, seed=3, on_epoch=on_epoch
        )
        trainer.dense_macs = count_backbone(backbone).total
        trainer.fit(stages)
        return network.state_dict()

    rows = []
    whole = run(DynamicNetwork(copy.deepcopy(backbone)), tmp_path / "whole.pt", rows.append)
    assert rows[0]["validation_macs_fraction"] == pytest.approx(1)
    assert rows[-1]["validation_macs_fraction"] == pytest.approx(0.5, abs=0.02), "of the backbone before the surgery"
    with pytest.raises(Killed):
        run(DynamicNetwork(copy.deepcopy(backbone)), tmp_path / "killed.pt", kill)
    continued = DynamicNetwork(copy.deepcopy(backbone))
    resumed = run(continued, tmp_path / "killed.pt")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    assert continued.backbone_cost == count_backbone(continued.backbone)


def _first(split, count):
    return type(split)(split.images[:count], split.labels[:count], split.indices[:count])
