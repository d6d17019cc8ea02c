"""Batch norms folded into the convolutions before them."""

from __future__ import annotations

import copy
from typing import cast

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bench.networks.blocks import Backbone, ConvUnit


def folded(backbone: Backbone) -> Backbone:
    """A copy in evaluation mode whose batch norms are folded into the convolutions."""
    backbone = copy.deepcopy(backbone).eval().requires_grad_(False)
    for unit in backbone.modules():
        if isinstance(unit, ConvUnit):
            unit.conv = fuse_conv_bn_eval(unit.conv, unit.norm)
            unit.norm = cast(nn.BatchNorm2d, nn.Identity())
    return backbone
