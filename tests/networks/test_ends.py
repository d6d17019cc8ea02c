"""Branches that end behind their first unit."""

import pytest
import torch
from torch import nn

from bench.errors import BadInput
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.blocks import ConvUnit
from bench.networks.ends import require_ends


@pytest.mark.parametrize("index", [0, 1])
@torch.no_grad()
def test_each_sample_has_the_whole_branch_or_its_first_unit(index):
    block = cifar_resnet(8).blocks[index].eval()
    x, scale = torch.rand(5, block.in_channels, 8, 8), torch.tensor([1.0, 1, 0, 0.5, 0.5])
    found = block.forward_to_end(x, scale, torch.tensor([1.0, 0, 1, 1, 0]))
    whole = block(x, scale)
    half = torch.relu(block.shortcut(x) + scale[:, None, None, None] * block.units[0](x))
    expected = torch.stack([whole[0], half[1], block.pass_by(x)[2], whole[3], half[4]])
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_branches_whose_half_has_another_shape_are_refused():
    require_ends(cifar_resnet(8))
    for conv in (nn.Conv2d(16, 16, 3, 2, 1), nn.Conv2d(16, 8, 3, 1, 1), nn.Conv2d(16, 16, 3)):
        backbone = cifar_resnet(8)
        backbone.blocks[0].units[1] = ConvUnit(conv, nn.BatchNorm2d(conv.out_channels), False)
        with pytest.raises(BadInput, match="half a block"):
            require_ends(backbone)
    backbone.blocks[0].units.append(backbone.blocks[0].units[1])
    with pytest.raises(BadInput, match="half a block"):
        require_ends(backbone)
