"""The static twin and what choosing brings, on networks whose decisions differ and on one whose do not."""

import numpy as np
import pytest
import torch

from bench.measurement.choosing import choosing_columns, describe_choosing
from bench.measurement.evaluation import evaluate
from bench.measurement.twin import gate_means, static_twin
from bench.methods import load_method
from bench.networks.backbones import build_backbone


def network_of(method):
    """Of digits, with gates that are drawn: about half of them are open."""
    torch.manual_seed(0)
    network = load_method(method).build(build_backbone("resnet8", 10, "digits"), 0.6).eval()
    for parameter in network.router.parameters():
        torch.nn.init.normal_(parameter, std=1.0)
    network.router.threshold.fill_(0.5)
    return network


@torch.no_grad()
def test_means_are_those_of_plain_training_images(digits):
    network = network_of("lcnet")
    output = network(digits.normalise(digits.train.images))
    for gate, decision in zip(gate_means(network, digits), output.decisions):
        executed = decision.layer.executed
        assert gate.rate == pytest.approx(executed.mean().item())
        if gate.rate:
            assert gate.scale == pytest.approx(decision.layer.scale[executed > 0].mean().item(), rel=1e-5)
            torch.testing.assert_close(gate.kept.float(), decision.channels.kept[executed > 0].mean(0))


@pytest.mark.parametrize("method", ["lcnet", "lnet"])
def test_a_twin_costs_the_same_for_all_images_and_about_what_is_asked(digits, method):
    network = network_of(method)
    macs = float(evaluate(network, digits, digits.test).samples["macs"].mean())
    costs = evaluate(static_twin(network, digits, macs), digits, digits.test.first(40)).samples["macs"].unique()
    assert len(costs) == 1
    assert abs(costs[0] - macs) <= max(block.branch for block in network.backbone_cost.blocks) / 2


def test_what_is_most_often_open_stays_open(digits):
    network = network_of("lcnet")
    macs = float(evaluate(network, digits, digits.test.first(100)).samples["macs"].mean())
    means = gate_means(network, digits)
    decisions = static_twin(network, digits, macs).router.decisions
    opened = [gate.rate for gate, one in zip(means, decisions) if one.layer.executed]
    closed = [gate.rate for gate, one in zip(means, decisions) if not one.layer.executed]
    for gate, decision in zip(means, decisions):
        opened += gate.kept[decision.channels.kept[0] > 0].tolist()
        closed += gate.kept[decision.channels.kept[0] == 0].tolist()
    assert opened and closed and min(opened) > max(closed)


def test_choosing_is_what_its_controls_lack(digits):
    network = network_of("lnet")
    samples = evaluate(network, digits, digits.test).samples
    described = describe_choosing(network, samples, digits, network.backbone_cost.total, {})
    columns = choosing_columns(described)
    top1 = 100 * samples["correct"].mean()
    assert columns["shuffled_loss"] == pytest.approx(top1 - described["shuffled"]["top1"])
    assert columns["twin_loss"] == pytest.approx(top1 - described["twin"]["top1"])
    assert described["images"] == len(samples) and 0 <= described["twin"]["p_value"] <= 1


def test_of_many_test_images_controls_are_held_against_the_same_ones(digits, monkeypatch):
    monkeypatch.setattr("bench.measurement.choosing.IMAGES", 50)
    network = network_of("lnet")
    samples = evaluate(network, digits, digits.test).samples
    described = describe_choosing(network, samples, digits, network.backbone_cost.total, {})
    step = round(len(samples) / described["images"])
    seen = evaluate(network, digits, digits.test.at(range(0, len(samples), step))).samples
    assert 25 < described["images"] == len(seen) <= 50
    for control in ("shuffled", "twin"):
        assert described[control]["top1"] + described[control]["lost"] == pytest.approx(100 * seen["correct"].mean())


@pytest.mark.parametrize("method", ["fixed", "lcnet_static"])
def test_who_treats_all_images_alike_loses_nothing(digits, method):
    torch.manual_seed(0)
    network = load_method(method).build(build_backbone("resnet8", 10, "digits"), 0.6).eval()
    if method == "lcnet_static":
        network.router.threshold.fill_(1.5)
    samples = evaluate(network, digits, digits.test).samples
    columns = choosing_columns(describe_choosing(network, samples, digits, network.backbone_cost.total, {}))
    assert samples["macs"].nunique() == 1 and columns["shuffled_loss"] == 0
    # Its gates cost something; the twin may spend that on a channel more.
    assert abs(columns["twin_loss"]) <= (0 if method == "fixed" else 2)


@pytest.mark.parametrize("method", ["dense", "l1", "fbs"])
def test_who_chooses_nothing_or_by_units_has_no_controls(digits, method):
    network = load_method(method).build(build_backbone("resnet8", 10, "digits"), 0.6).eval()
    described = describe_choosing(network, evaluate(network, digits, digits.test).samples, digits, 1.0, {})
    assert described == {} and set(choosing_columns(described).values()) == {None}


def test_of_several_answers_chance_and_the_nearest_one_are_the_controls(digits):
    samples = evaluate(network_of("lnet"), digits, digits.test).samples
    samples["macs"], samples["correct"] = 60, np.arange(len(samples)) % 10 < 9
    answers = [{"macs_fraction": 0.5, "top1_of_all": 70.0}, {"macs_fraction": 1.0, "top1_of_all": 91.0}]
    stopping = {"answers": answers, "random_control": {"top1": 75.0}}
    columns = choosing_columns(describe_choosing(network_of("lnet"), samples, digits, 100.0, stopping))
    assert columns == pytest.approx({"shuffled_loss": 15.0, "twin_loss": 20.0, "twin_macs_fraction": 0.5})
