"""Forms in which the kernels of a network are launched, and the networks that each does not know."""

from __future__ import annotations

from torch import nn

from bench.networks.backbones.cifar import ParameterFreeShortcut
from bench.networks.blocks import ConvUnit, ResidualBlock
from bench.networks.network import DynamicNetwork

FORMS = ("units", "whole", "streams")
"""A launch for each unit of the network; one launch; a launch for each unit and image, several at once."""


def unsupported_form(network: DynamicNetwork, form: str) -> str | None:
    """Why ``network``, which kernels know, cannot be launched in one of ``FORMS``; None if it can."""
    if form == "units":
        return None
    return _more_than_linear_gates(network) or (_more_than_basic(network) if form == "whole" else None)


def _more_than_linear_gates(network: DynamicNetwork) -> str | None:
    folded = map(network.router.folded_gates, range(len(network.backbone.blocks)))
    if any(gates is None for gates in folded):
        return "its gates are more than linear functions of a block's pooled input"
    return None


def _more_than_basic(network: DynamicNetwork) -> str | None:
    if not isinstance(network.backbone.stem, ConvUnit) or network.backbone.stem.conv.kernel_size != (3, 3):
        return "its stem is not one 3 x 3 convolution"
    if not all(map(_is_basic, network.backbone.blocks)):
        return "its blocks are not two 3 x 3 convolutions of one width beside a shortcut without parameters"
    return None


def _is_basic(block: ResidualBlock) -> bool:
    sizes = [unit.conv.kernel_size for unit in block.units]
    strides = [unit.conv.stride[0] for unit in block.units]
    plain = isinstance(block.shortcut, nn.Identity)
    halved = isinstance(block.shortcut, ParameterFreeShortcut)
    same = block.inner_channels == block.out_channels
    return sizes == [(3, 3)] * 2 and strides[1:] == [1] and same and ((plain and strides[0] == 1) or halved)
