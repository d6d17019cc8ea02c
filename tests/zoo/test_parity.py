"""An exported network beside its own: what differs is counted, and nothing that is no number agrees."""

from dataclasses import replace

import pytest
import torch

from bench.networks.backbones import build_backbone
from bench.networks.decisions import ExitDecision
from bench.networks.network import DynamicNetwork
from bench.zoo.parity import Parity, compare

IMAGES = 6


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return DynamicNetwork(build_backbone("resnet8-w0.25", classes=10, dataset="digits")).eval()


def spoiled(network, spoil):
    """A run whose logits ``spoil`` changes in place."""

    @torch.inference_mode()
    def run(images):
        output = network(images)
        spoil(output.logits)
        return output

    return run


def test_a_network_agrees_with_itself(network, digits):
    found = compare(network, network, digits, IMAGES)
    assert found == Parity(IMAGES, 0, 0, 0.0) and found.holds
    assert str(found).startswith("6 validation images: decisions differ for 0, logits for 0")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9])
def test_logits_that_are_no_answer_are_a_difference(network, digits, value):
    found = compare(spoiled(network, lambda logits: logits[2].fill_(value)), network, digits, IMAGES)
    assert (found.decisions, found.logits) == (0, 1) and not found.holds
    assert found.largest > 1e8


@pytest.mark.parametrize(("share", "holds"), [(0.5e-4, True), (2e-4, False)])
def test_the_tolerance_is_of_the_largest_logit(network, digits, share, holds):
    def move(logits):
        logits[:, 0] += share * logits.abs().amax(1)

    assert compare(spoiled(network, move), network, digits, IMAGES).holds == holds


def test_other_blocks_are_another_decision_and_their_logits_are_not_compared(network, digits):
    @torch.inference_mode()
    def run(images):
        output = network(images)
        executed = torch.zeros_like(output.decisions[0].layer.executed)
        first = replace(output.decisions[0], layer=replace(output.decisions[0].layer, executed=executed))
        return replace(output, logits=output.logits + 5, decisions=(first, *output.decisions[1:]))

    found = compare(run, network, digits, IMAGES)
    assert (found.decisions, found.logits, found.largest) == (IMAGES, 0, 0.0) and not found.holds


def test_few_images_of_many_may_be_decided_otherwise():
    assert Parity(1000, 2, 0, 0).holds and not Parity(1000, 3, 0, 0).holds and not Parity(1000, 0, 1, 1).holds


def test_exits_count_where_both_tell_of_them(network, digits):
    def with_exits(taken):
        return lambda images: replace(network(images), exits=ExitDecision(torch.full((len(images),), taken)))

    for other, decisions in ((with_exits(0), IMAGES), (with_exits(1), 0), (network, 0)):
        assert compare(other, with_exits(1), digits, IMAGES).decisions == decisions
