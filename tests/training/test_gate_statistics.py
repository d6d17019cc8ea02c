"""Gates are standardised by what they will be tested on."""

from dataclasses import replace

import pytest
import torch

from baselines.skipnet import SkipNet
from bench.data.dataset import Split
from bench.methods.interface import Budget
from bench.networks.backbones import build_backbone
from bench.training import Checkpoint, Recipe, Trainer
from bench.training.gate_statistics import BATCH, IMAGES, update_gate_statistics


def _statistics(network):
    return {name: value.clone() for name, value in network.state_dict().items() if "running" in name}


def test_gates_see_standardised_features_of_plain_images(trained_resnet20, cifar10):
    network = SkipNet().build(trained_resnet20, 0.6)
    before = _statistics(network)
    update_gate_statistics(network, cifar10)
    after = _statistics(network)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if name.startswith("router.")}

    x = network.backbone.stem(cifar10.normalise(cifar10.train.images[:1000]))
    pooled = network.backbone.blocks[0](x).mean((2, 3))
    # But for the shift that keeps the batch norm from dividing by zero where a channel is nearly constant.
    live = pooled.var(0) > 1e-3
    seen = network.router.norms[0](pooled)[:, live]
    # The mean of 1,000 images lies within 0.1 (three standard errors), their deviation within 10 %.
    assert seen.mean(0).abs().max() < 0.1
    assert (seen.std(0) - 1).abs().max() < 0.1


def test_trained_gates_do_not_carry_the_statistics_of_augmented_images(digits, tmp_path):
    def blacken(images, generator):
        return torch.zeros_like(images)

    torch.manual_seed(0)
    network = SkipNet().build(build_backbone("resnet8", classes=10), 0.6)
    stages = SkipNet().stages(network, 0.6, Budget(1, pretrained=True))
    blackened = replace(digits, augment=blacken)
    Trainer(network, blackened, Recipe(batch_size=32), Checkpoint(tmp_path / "checkpoint.pt"), point=0.6).fit(stages)
    trained = _statistics(network)
    update_gate_statistics(network, digits)
    again = _statistics(network)
    assert all(torch.allclose(again[name], trained[name], atol=1e-6) for name in trained)
    assert network.router.norms[0].running_var.max() > 0, "black images do not vary"


def test_training_goes_on_with_the_same_momentum_and_mode(trained_resnet20, cifar10):
    network = SkipNet().build(trained_resnet20, 0.6).train()
    update_gate_statistics(network, cifar10)
    assert {norm.momentum for norm in network.router.norms} == {0.1}
    assert not any(module.training for module in network.modules())


@pytest.mark.parametrize("count", [2, BATCH + 1, IMAGES + 1, 3 * IMAGES - 1])
def test_batches_are_whole_unless_there_are_too_few_images(digits, count):
    seen = []

    class Watched(Split):
        def batches(self, size):
            for images, labels in super().batches(size):
                seen.append(len(images))
                yield images, labels

        def at(self, positions):
            return Watched(self.images[positions], self.labels[positions], self.indices[positions])

    few = digits.train.at(torch.arange(count) % len(digits.train))
    network = SkipNet().build(build_backbone("resnet8", classes=10), 0.6)
    update_gate_statistics(network, replace(digits, train=Watched(few.images, few.labels, few.indices)))
    assert set(seen) == {min(count, BATCH)} and sum(seen) <= IMAGES
