"""Routes of views and of images: both losses, who decides in training, and the harness's views behind them."""

import dataclasses

import pytest
import torch

from baselines.codinet import CoDiNet, RouteLoss, inconsistency, likeness
from bench.errors import BadInput
from bench.measurement.conformance import CHECKS, verify_method
from bench.measurement.conformance.subjects import batch_at
from bench.methods import Budget
from bench.networks.backbones.cifar import cifar_resnet
from bench.training import Checkpoint, Recipe, Trainer

POINT = 0.6


class Killed(Exception):
    pass


def network_and_stages(epochs=2):
    torch.manual_seed(0)
    network = CoDiNet().build(cifar_resnet(8, width=0.25), POINT)
    return network, CoDiNet().stages(network, POINT, Budget(epochs, pretrained=True))


def test_it_is_what_it_claims():
    checks = [name for name in CHECKS if "answer" not in name]
    assert [one for one in verify_method(CoDiNet(), checks) if not one.passed] == []


def test_views_are_drawn_to_their_centre_from_the_margin_on():
    routes = torch.rand(5, 1, 8, generator=torch.Generator().manual_seed(0)).expand(5, 3, 8)
    assert inconsistency(routes, 0.0).item() == pytest.approx(0, abs=1e-12)
    apart = torch.zeros(1, 2, 4)
    apart[0, 1, 0] = 1.0  # half a unit from their centre
    assert inconsistency(apart, 0.2).item() == pytest.approx(0.3**2)
    assert inconsistency(apart, 0.5).item() == 0


def test_centres_are_pushed_apart_up_to_the_margin():
    centres = torch.tensor([[0.0, 0.0], [0.3, 0.0], [9.0, 0.0]], requires_grad=True)
    assert likeness(centres, 0.5).item() == pytest.approx(0.2**2 / 3)
    likeness(centres, 0.5).backward()
    assert centres.grad[0, 0] > 0 > centres.grad[1, 0] and not centres.grad[2].any()
    assert likeness(centres[:1], 0.5).item() == 0


def test_blocks_are_mixed_with_noise_at_first_and_run_as_tested_in_the_end():
    network, _ = network_and_stages()
    loss, images = RouteLoss(CoDiNet(), POINT), batch_at(0.5).images
    for progress, mixed in ((0.0, True), (0.69, True), (0.71, False)):
        loss(network.train(), batch_at(progress, 2)).backward()
        with torch.no_grad():
            first, second = (network(images).decisions[0].layer.scale for _ in range(2))
        assert torch.equal(first, second) != mixed
        assert bool(((first > 0) & (first < 1)).any()) == mixed
    with torch.no_grad():
        tested = network.eval()(images).decisions[0].layer
    assert torch.equal(tested.executed, tested.scale) and set(tested.scale.tolist()) <= {0.0, 1.0}


def test_views_reach_the_loss_together_and_a_killed_training_ends_as_an_undisturbed_one(digits, tmp_path):
    """In micro-batches, which hold all views of their images."""
    few = dataclasses.replace(digits, train=digits.train.first(64), validation=digits.validation.first(50))
    seen = []

    def train(name, on_epoch=lambda row: None):
        network, stages = network_and_stages()
        loss = stages[0].loss
        stage = dataclasses.replace(stages[0], loss=lambda network, step: seen.append(step) or loss(network, step))
        trainer = Trainer(
            network, few, Recipe(batch_size=32, micro_batch=8), Checkpoint(tmp_path / name), POINT, on_epoch=on_epoch
        )
        trainer.fit([stage])
        return network.state_dict()

    def kill(row):
        raise Killed

    undisturbed = train("a")
    assert len(seen) == 2 * 2 * 4, "an epoch is one pass over the images"
    for step in seen:
        first, second = step.labels.unflatten(0, (-1, step.views)).unbind(1)
        images = step.images.unflatten(0, (-1, step.views))
        assert torch.equal(first, second) and len(first) == 8 and not torch.equal(images[:, 0], images[:, 1])
    with pytest.raises(Killed):
        train("b", kill)
    resumed = train("b")
    assert all(torch.equal(value, resumed[name]) for name, value in undisturbed.items())


def test_no_view_is_bad_input():
    with pytest.raises(BadInput, match="views must be 1 or more, not 0"):
        CoDiNet(views=0).build(cifar_resnet(8), POINT)
