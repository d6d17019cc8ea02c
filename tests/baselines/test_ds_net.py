"""One width for each image: labels, prefixes, and a price that brings batches to the operating point."""

import copy

import pytest
import torch
from torch import nn

from baselines.ds_net import DSNet, narrowest_is_right, price_for, spread_loss
from bench.measurement.conformance import verify_method
from bench.measurement.conformance.subjects import batch_at
from bench.methods import Budget
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.surgery import sort_inner

QUICK = ("skipped = masked", "MACs = independent count", "every gate gets a gradient", "batch norm moves once per step")


def test_it_is_what_it_claims():
    assert [one for one in verify_method(DSNet(), QUICK) if not one.passed] == []


@torch.no_grad()
def test_sorting_channels_changes_no_answer():
    backbone = cifar_resnet(8).eval()
    images = torch.randn(3, 3, 32, 32)
    for block in backbone.blocks:
        nn.init.uniform_(block.units[0].norm.running_mean)
        expected = backbone(images)
        sort_inner(block)
        torch.testing.assert_close(backbone(images), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_every_block_behind_the_gate_keeps_the_chosen_prefix_at_the_cost_that_was_foreseen():
    network = DSNet().build(cifar_resnet(14), 0.6).eval()
    network.router.told = torch.arange(4)
    output = network(torch.randn(4, 3, 32, 32))
    assert output.decisions[0].channels is None
    for decision, counts in zip(output.decisions[1:], network.router.counts[1:]):
        kept = decision.channels.kept
        assert kept.sum(1).tolist() == counts and (kept[:, :-1] >= kept[:, 1:]).all()
    costs, foreseen = network.macs_fraction(output), network.router.price.fractions
    torch.testing.assert_close(foreseen.double(), costs, rtol=1e-6, atol=0)
    assert costs.mean() == pytest.approx(0.6, abs=0.01) and costs.diff().min() > 0.1


def test_a_point_that_no_width_reaches_leaves_the_narrowest():
    counts = DSNet().build(cifar_resnet(8), 0.2).router.counts
    assert counts == [[4] * 4, [8] * 4, [16] * 4]


def test_a_batch_is_spread_over_the_widths():
    network = DSNet().build(cifar_resnet(8), 0.6).train()
    seen = []
    network.register_forward_hook(lambda module, inputs, output: seen.append(output.decisions[-1].channels))
    spread_loss(network, batch_at(0.5)).backward()
    assert seen[0].kept.sum(1).tolist() == [count for count in network.router.counts[-1] for _ in range(8)]
    assert network.router.told is None and network.router.output.weight.grad is None


def test_labels_are_about_the_narrowest_network_as_it_is_tested():
    network = DSNet().build(cifar_resnet(8), 0.6).train()
    network.backbone.eval()  # as the stage that trains the gate leaves it
    step, before = batch_at(0.5), copy.deepcopy(network.state_dict())
    right = narrowest_is_right(network, step)
    assert network.router.training and not any(module.training for module in network.backbone.modules())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    network.eval().router.told = torch.zeros(32, dtype=torch.long)
    assert torch.equal(right, network(step.images).logits.argmax(1) == step.labels)


@pytest.mark.parametrize("point", [0.4, 0.6, 0.9])
def test_the_price_brings_a_batch_to_the_point(point):
    torch.manual_seed(0)
    score, fractions = torch.randn(1000, 4), torch.tensor([0.3, 0.5, 0.8, 1.0])
    chosen = (score - price_for(score, fractions, point) * torch.arange(4)).argmax(1)
    assert fractions[chosen].mean() == pytest.approx(point, abs=0.002)


def test_training_ends_with_a_third_of_the_epochs_for_the_gate():
    supernet, gate = DSNet().stages(DSNet().build(cifar_resnet(8), 0.6), 0.6, Budget(12, pretrained=True))
    assert (supernet.epochs, gate.epochs) == (8, 4)


@torch.no_grad()
def test_batches_cost_the_point_whatever_the_gate_says():
    network = DSNet().build(cifar_resnet(8), 0.6).train()
    network.router.output.bias[-1] = 9.0
    assert network.macs_fraction(network(torch.randn(256, 3, 16, 16))).mean().item() == pytest.approx(0.6, abs=0.02)


def test_images_are_tested_at_the_mean_price_of_batches():
    price = DSNet().build(cifar_resnet(8), 0.6).router.price
    price.momentum = None
    batches = torch.randn(8, 256, 4, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.0, 0.0, 0.0, 3.0])
    for scores in batches:
        price.train()(scores)
    tested = price.eval()(batches.flatten(0, 1)).argmax(1)
    assert price.running_mean.item() == pytest.approx(1, abs=0.3), "it makes good what the widest was given"
    assert price.fractions[tested].mean().item() == pytest.approx(0.6, abs=0.01)
