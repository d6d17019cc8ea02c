"""Positions that units must compute for those that are kept."""

import pytest
import torch
from torch import nn

from bench.errors import BadInput
from bench.networks.backbones import build_backbone
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.blocks import ConvUnit, ResidualBlock
from bench.networks.decisions import ChannelDecision
from bench.networks.positions import decisions_of_units, positions_of_units, require_positions


def block_of(*units: tuple[int, int]) -> ResidualBlock:
    """A block of one channel with units of these kernel sizes and strides, all of whose weights are positive."""
    convs = [nn.Conv2d(1, 1, size, stride, size // 2, bias=False) for size, stride in units]
    for conv in convs:
        nn.init.ones_(conv.weight)
    return ResidualBlock([ConvUnit(conv, nn.BatchNorm2d(1), True) for conv in convs], nn.Identity())


@pytest.mark.parametrize("units", [[(3, 1), (3, 1)], [(3, 2), (3, 1)], [(1, 1), (3, 2), (1, 1)], [(3, 2), (3, 2)]])
@pytest.mark.parametrize("size", [(8, 8), (9, 7)])
def test_a_unit_computes_exactly_what_the_next_one_reads(units, size):
    """The gradient of what is kept reaches these positions of each map, and no others."""
    torch.manual_seed(0)
    block, x = block_of(*units), torch.rand(3, 1, *size)
    maps = [x]
    for unit in block.units:
        maps.append(unit.conv(maps[-1].detach().requires_grad_()) if len(maps) == 1 else unit.conv(maps[-1]))
        maps[-1].retain_grad()
    kept = (torch.rand_like(maps[-1]) > 0.8).float()
    (maps[-1] * kept).sum().backward()
    masks = positions_of_units(block, kept, size)
    assert torch.equal(masks[-1], kept)
    for mask, computed in zip(masks[:-1], maps[1:-1]):
        assert torch.equal(mask, (computed.grad > 0).float())


def test_positions_and_channels_multiply():
    masks = [torch.tensor([[[[1.0, 1], [1, 0]]]]), torch.tensor([[[[1.0, 0], [0, 0]]]])]
    kept = torch.tensor([[1.0, 0, 0, 1]])
    first, second = decisions_of_units(masks, ChannelDecision(kept, kept), gated_unit=0)
    assert [one.item() for one in (first.outputs, first.completed)] == [0.5, 0.75]
    assert [one.item() for one in (second.outputs, second.completed)] == [1, 0.25]


def test_what_has_no_single_positions_is_refused():
    require_positions(cifar_resnet(8))
    with pytest.raises(BadInput, match="a choice of positions needs branches of ungrouped convolutions"):
        require_positions(build_backbone("resnext50_32x4d", 10))
