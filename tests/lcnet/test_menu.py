"""A menu of widths: prefixes only, the dense function kept."""

from __future__ import annotations

import copy

import pytest
import torch
from one_step import IMAGES, LABELS, batch, build
from torch import nn

from bench.errors import BadInput
from bench.execution.skipping import lower
from bench.measurement.conformance import Subject, check_skipping
from bench.networks.backbones import build_backbone
from bench.networks.surgery import sort_inner
from lcnet.labels import is_wrong
from lcnet.menu import MENU, LCNetMenu, MenuRouter


def test_sorting_channels_keeps_the_function():
    backbone = build_backbone("resnet8", classes=10).eval()
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    images, block = torch.randn(2, 3, 32, 32), backbone.blocks[1]
    with torch.no_grad():
        before = backbone(images)
        sort_inner(block)
        torch.testing.assert_close(backbone(images), before, rtol=1e-4, atol=1e-4)
    norms = block.inner_norms()
    assert torch.equal(norms, norms.sort(descending=True).values)


def test_skipped_is_masked():
    torch.manual_seed(0)
    check_skipping(Subject(LCNetMenu()))
    check_skipping(Subject(LCNetMenu(labels=1.0)))


def test_channels_are_prefixes_of_the_menu():
    torch.manual_seed(0)
    network = LCNetMenu().build(build_backbone("resnet8", classes=10), 0.5)
    for net in network.router.channel_nets:
        nn.init.normal_(net.linear.weight, std=3)
        nn.init.zeros_(net.linear.bias)
    images = torch.randn(32, 3, 32, 32) * torch.linspace(0.3, 2, 32)[:, None, None, None]
    with torch.no_grad():
        decisions = network.eval()(images).decisions
    widths = set()
    for decision in decisions:
        kept = decision.channels.kept
        assert torch.equal(kept, kept.cummin(1).values)
        widths |= set((kept.mean(1) * MENU).tolist())
    assert len(widths) > 2
    assert widths <= set(range(MENU + 1))


def test_labels_are_those_of_all_blocks_at_their_narrowest_and_leave_no_trace():
    network, stage = build("lcnet_menu[labels=1]")
    before = copy.deepcopy(network)
    network.router.is_narrowest = True
    wrong = is_wrong(network, batch())
    assert network.training
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.state_dict().items())
    decisions = network(IMAGES).decisions
    assert all(one.layer.certain and one.channels.kept.mean() == 1 / MENU for one in decisions)
    for net in before.router.channel_nets:  # as gates that close all other groups would do it
        net.linear.bias.data = torch.tensor([9.0, -9.0, -9.0, -9.0])
    assert torch.equal(wrong == 1, before.eval()(IMAGES).logits.argmax(1) != LABELS)
    stage.loss(network, batch()).backward()
    assert not network.router.is_narrowest and copy.deepcopy(network).router.leanings is None


def test_labels_raise_wider_groups_for_images_that_are_wrong_and_reach_nothing_else():
    gradients = []
    for options in ("labels=0", "labels=1"):
        network, stage = build(f"lcnet_menu[{options}]")
        stage.loss(network, batch()).backward()
        gradients.append({name: one.grad for name, one in network.named_parameters() if one.grad is not None})
    differ = {name for name, one in gradients[1].items() if not torch.equal(one, gradients[0].get(name))}
    weights = {f"router.channel_nets.{index}.linear.weight" for index in range(3)}
    assert differ == weights and type(build("lcnet_menu")[0].router) is MenuRouter
    assert all(not (gradients[1][name] - gradients[0][name])[0].any() for name in weights), "the narrowest has none"


def test_a_width_packs_its_weights_once():
    network = copy.deepcopy(LCNetMenu().build(build_backbone("resnet8", classes=10), 0.5))
    for net in network.router.channel_nets:
        nn.init.zeros_(net.linear.weight)
        net.linear.bias.data.copy_(torch.tensor([1.0, 1.0, -5.0, 1.0]))
    skipping = lower(network)
    skipping(torch.randn(1, 3, 32, 32))
    skipping(torch.randn(1, 3, 32, 32))
    assert [list(block.first) for block in skipping.blocks] == [[8], [16], [32]]


def test_widths_that_do_not_divide_are_bad_input():
    with pytest.raises(BadInput, match="multiples"):
        MenuRouter(build_backbone("resnet8-w0.3", classes=10), LCNetMenu())
