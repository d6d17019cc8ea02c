"""Decisions of other images, on a network whose decisions differ."""

import pytest
import torch

from bench.measurement.controls import ReplayRouter, can_shuffle, shuffled_correct
from bench.measurement.twin import static_twin
from bench.methods import load_method
from bench.networks.backbones import build_backbone


def network_of(method, point=0.6):
    torch.manual_seed(0)
    network = load_method(method).build(build_backbone("resnet8", 10, "digits"), point).eval()
    for parameter in network.router.parameters():
        torch.nn.init.normal_(parameter, std=1.0)
    if hasattr(network.router, "threshold"):
        network.router.threshold.fill_(0.5)
    return network


@torch.no_grad()
def test_replayed_decisions_give_the_same_logits_and_costs(digits):
    network = network_of("lcnet")
    images = digits.normalise(digits.validation.images[:40])
    expected = network(images)
    assert 0 < expected.executed().mean() < 1
    network.router = ReplayRouter(expected.decisions, network.router.cost())
    replayed = network(images)
    torch.testing.assert_close(replayed.logits, expected.logits, rtol=0, atol=0)
    assert (network.cost(replayed).total == network.cost(expected).total).all()


@torch.no_grad()
def test_every_image_gets_the_decisions_of_another(digits, monkeypatch):
    network, split = network_of("lcnet"), digits.validation.first(60)
    seen = []
    monkeypatch.setattr(ReplayRouter, "start", lambda self, images: seen.append((self.decisions, images)))
    router = network.router
    shuffled_correct(network, digits, split, seed=1)
    assert network.router is router
    (decisions, images) = seen[0]
    own = network(images).decisions
    shares = [(decision.layer.executed.mean(), decision.channels.kept.mean()) for decision in own]
    assert [(d.layer.executed.mean(), d.channels.kept.mean()) for d in decisions] == shares
    for given, decided in zip(decisions, own):
        torch.testing.assert_close(given.channels.kept[1:], decided.channels.kept[:-1])


@torch.no_grad()
def test_shuffling_what_is_the_same_for_all_changes_no_answer(digits):
    network, split = network_of("dense", None), digits.validation
    answers = network(digits.normalise(split.images)).logits.argmax(1) == split.labels
    assert shuffled_correct(network, digits, split).tolist() == answers.tolist()


@pytest.mark.parametrize("method", ["dynconv", "dgnet"])
@torch.no_grad()
def test_positions_are_replayed_shuffled_and_have_a_twin(digits, method):
    network, images = network_of(method), digits.normalise(digits.validation.images[:40])
    expected = network(images)
    assert 0 < expected.decisions[0].positions.mean() < 1
    fraction = network.macs_fraction(expected).mean().item()
    twin = static_twin(network, digits, fraction * network.backbone_cost.total)
    assert twin.macs_fraction(twin(images)).unique().item() == pytest.approx(fraction, abs=0.02)
    assert shuffled_correct(network, digits, digits.validation).shape == (len(digits.validation),)
    network.router = ReplayRouter(expected.decisions, network.router.cost())
    assert torch.equal(network(images).logits, expected.logits)


@pytest.mark.parametrize(("method", "expected"), [("lcnet", True), ("skipnet", True), ("channel_gating", False)])
def test_only_routers_can_be_told(method, expected):
    assert can_shuffle(load_method(method).build(build_backbone("resnet8", 10, "digits"), 0.6)) is expected


@torch.no_grad()
def test_ends_of_branches_are_replayed_shuffled_and_have_a_twin(digits):
    network, images = network_of("rdinet"), digits.normalise(digits.validation.images[:40])
    for gate in network.router.gates:
        gate.seen[1].momentum = 1.0
    network.train()(images)
    expected = network.eval()(images)
    complete = torch.stack([decision.layer.complete for decision in expected.decisions])
    assert 0 < complete.mean() < expected.executed().mean()
    fraction = network.macs_fraction(expected).mean().item()
    twin = static_twin(network, digits, fraction * network.backbone_cost.total)
    assert twin.macs_fraction(twin(images)).unique().item() == pytest.approx(fraction, abs=0.2)
    assert shuffled_correct(network, digits, digits.validation).shape == (len(digits.validation),)
    network.router = ReplayRouter(expected.decisions, network.router.cost())
    assert torch.equal(network(images).logits, expected.logits)
