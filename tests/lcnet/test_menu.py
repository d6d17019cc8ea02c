"""A menu of widths: prefixes only, the dense function kept."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from bench.errors import BadInput
from bench.execution.skipping import lower
from bench.measurement.conformance import Subject, check_skipping
from bench.networks.backbones import build_backbone
from bench.networks.surgery import sort_inner
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
