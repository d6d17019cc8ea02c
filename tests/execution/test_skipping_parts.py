"""Parts of skipping execution by themselves: groups, rows and the gates of a single image."""

import numpy as np
import pytest
import torch
from gated import BACKBONES, build, images
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bench.execution.folding import folded
from bench.execution.skipping.paths import Pooled, SingleGates, group_by_width
from bench.execution.skipping.rows import gather, positions, put_back
from bench.execution.structure import unknown_structure
from bench.networks.decisions import ChannelDecision
from bench.networks.network import DynamicNetwork
from bench.networks.router import FoldedGates

CHANNELS = 6
MASKS = st.lists(st.lists(st.booleans(), min_size=CHANNELS, max_size=CHANNELS), min_size=1, max_size=5)
COUNTS = st.lists(st.integers(0, CHANNELS), min_size=1, max_size=6)


def decision(masks) -> ChannelDecision:
    kept = torch.tensor(masks).float()
    return ChannelDecision(kept, kept * torch.linspace(0.5, 1, CHANNELS))


def multiplied(found: ChannelDecision, narrows: bool = True) -> torch.Tensor:
    """What the groups multiply each sample's channels by, ``[N, C]``; every sample is in one group."""
    result = torch.full_like(found.scale, torch.nan)
    for rows, width in group_by_width(found, narrows):
        rows = range(len(result)) if rows is None else rows
        assert result[list(rows)].isnan().all(), "a sample is in two groups"
        chosen = slice(width.kept) if width.kept is None or isinstance(width.kept, int) else width.kept
        for place, row in enumerate(rows):
            result[row] = 0
            result[row, chosen] = 1 if width.scale is None else width.scale[place, :, 0, 0]
    return result


@settings(max_examples=40, deadline=None)
@given(MASKS, st.booleans())
def test_any_choice_of_channels_comes_to_its_scales(masks, narrows):
    torch.testing.assert_close(multiplied(decision(masks), narrows), decision(masks).scale)


@settings(max_examples=40, deadline=None)
@given(COUNTS)
def test_prefixes_make_one_group_for_each_width_and_compute_no_more(counts):
    found = decision([[place < count for place in range(CHANNELS)] for count in counts])
    torch.testing.assert_close(multiplied(found), found.scale)
    if len(counts) > 1:
        widths = [width.kept for _, width in group_by_width(found, True)]
        assert widths == sorted(set(counts))


def test_who_decides_nothing_is_one_group_at_full_width():
    assert [(rows, width.kept, width.scale) for rows, width in group_by_width(None, True)] == [(None, None, None)]


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 5)), st.booleans())
def test_rows_that_were_taken_out_are_put_back_where_they_were(rows, last):
    x = torch.arange(6 * 2 * 3 * 4, dtype=torch.float32).view(6, 2, 3, 4)
    x = x.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    before, chosen = x.clone(), positions(np.array(sorted(rows), np.int64), x)
    taken = gather(x, chosen)
    assert torch.equal(taken, before[sorted(rows)])
    put_back(x, chosen, taken + 1000)
    expected = before.clone()
    expected[sorted(rows)] += 1000
    assert torch.equal(x, expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([None, 1, 2, 3, 6]))
@torch.no_grad()
def test_gates_of_one_image_say_what_their_definition_says(seed, menu):
    torch.manual_seed(seed)
    layer, channels = nn.Linear(4, 1), nn.Linear(4, menu or CHANNELS)
    x = torch.randn(1, 4, 3, 5)
    gates, pooled = SingleGates(FoldedGates(layer, channels, menu), CHANNELS), Pooled.of(x)
    mean = x.mean((2, 3))
    assert gates.layer_scale(pooled) == pytest.approx(layer(mean).clamp(0, 1).item(), abs=1e-6)
    score = channels(mean)
    if menu:
        score = score.cummin(1).values.repeat_interleave(CHANNELS // menu, 1)
    found = gates.decision(gates.width(pooled), x)
    assert torch.equal(found.kept, (score > 0).float())
    torch.testing.assert_close(found.scale, score.clamp(0, 1), rtol=1e-5, atol=1e-6)


def test_gates_that_are_none_read_nothing():
    gates = SingleGates(FoldedGates(), CHANNELS)
    assert not gates.reads_input and gates.layer_scale(None) == 1
    assert torch.equal(gates.decision(gates.width(None), torch.zeros(1)).scale, torch.ones(1, CHANNELS))


@torch.no_grad()
@pytest.mark.parametrize("name", ["basic, projections", "bottleneck, odd widths"])
def test_a_folded_backbone_is_the_backbone_and_leaves_it_alone(name):
    torch.manual_seed(0)
    backbone = BACKBONES[name]()
    build(backbone)
    backbone.eval()
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    found = folded(backbone)
    expected = backbone(images(3))
    torch.testing.assert_close(found(images(3)), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in found.modules())
    assert all(torch.equal(before[key], value) for key, value in backbone.state_dict().items())
    assert not any(parameter.requires_grad for parameter in found.parameters())


SPOILS = {
    "its stem": lambda backbone: setattr(backbone.stem, "activation", False),
    "units other than": lambda backbone: setattr(backbone.blocks[1].units[0].conv, "dilation", (2, 2)),
    "end in a ReLU": lambda backbone: setattr(backbone.blocks[0].units[-1], "activation", True),
    "unknown shortcuts": lambda backbone: setattr(backbone.blocks[0], "shortcut", nn.Tanh()),
}


@pytest.mark.parametrize("said", SPOILS)
def test_what_is_more_than_plain_is_named(said):
    network = DynamicNetwork(BACKBONES["basic"]())
    assert unknown_structure(network) is None
    SPOILS[said](network.backbone)
    assert said in unknown_structure(network)
