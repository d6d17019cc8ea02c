"""The CIFAR ResNet family of He et al. (arXiv 1512.03385, section 4.2): depth 6n + 2, post-activation basic blocks."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from bench.choices import CIFAR_DEPTHS as DEPTHS
from bench.errors import BadInput
from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock

STAGE_WIDTHS = (16, 32, 64)
WIDEST = 20.0
"""The widest of Zagoruyko and Komodakis (arXiv 1605.07146) is 20; a slip of the keyboard must not fill the memory."""


class ParameterFreeShortcut(nn.Module):
    """Option A of He et al.: every second pixel, new channels filled with zeros, half before and half after."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        before = (out_channels - in_channels) // 2
        self.padding = (before, out_channels - in_channels - before)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, *self.padding))


def _unit(in_channels: int, out_channels: int, size: int, stride: int, activation: bool) -> ConvUnit:
    conv = nn.Conv2d(in_channels, out_channels, size, stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight)
    return ConvUnit(conv, nn.BatchNorm2d(out_channels), activation)


def _shortcut(in_channels: int, out_channels: int, stride: int, option: str) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    if option == "A":
        return ParameterFreeShortcut(in_channels, out_channels)
    return _unit(in_channels, out_channels, 1, stride, activation=False)


def _block(in_channels: int, out_channels: int, stride: int, option: str) -> ResidualBlock:
    units = [
        _unit(in_channels, out_channels, 3, stride, activation=True),
        _unit(out_channels, out_channels, 3, 1, activation=False),
    ]
    return ResidualBlock(units, _shortcut(in_channels, out_channels, stride, option))


def cifar_resnet(depth: int, classes: int = 10, shortcut: str = "A", width: float = 1.0) -> Backbone:
    """A CIFAR ResNet for 32x32 images.

    Args:
        depth: 6n + 2, from 8 to 110.
        classes: number of outputs.
        shortcut: ``A`` (parameter-free) or ``B`` (1x1 convolution and batch norm).
        width: multiplies the stage widths 16, 32, 64 (rounded, at least 1).

    Raises:
        BadInput: a depth, shortcut or width outside the family.
    """
    if depth not in DEPTHS:
        raise BadInput(f"CIFAR ResNet depth must be 6n+2 from {DEPTHS[0]} to {DEPTHS[-1]}, not {depth}")
    if shortcut not in ("A", "B"):
        raise BadInput(f"shortcut must be A or B, not {shortcut!r}")
    if not 0 < width <= WIDEST:
        raise BadInput(f"width must be above 0 and at most {WIDEST:g}, not {width:g}")
    widths = [max(1, round(width * channels)) for channels in STAGE_WIDTHS]
    blocks, in_channels = [], widths[0]
    for stage, out_channels in enumerate(widths):
        for position in range((depth - 2) // 6):
            stride = 2 if stage > 0 and position == 0 else 1
            blocks.append(_block(in_channels, out_channels, stride, shortcut))
            in_channels = out_channels
    stem = _unit(3, widths[0], 3, 1, activation=True)
    classifier = nn.Linear(in_channels, classes)
    nn.init.kaiming_normal_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    return Backbone(backbone_name(depth, shortcut, width), stem, blocks, classifier, image_shape=(3, 32, 32))


def backbone_name(depth: int, shortcut: str = "A", width: float = 1.0) -> str:
    """``resnet20``, ``resnet20b`` with projection shortcuts, ``resnet20-w0.5`` at half width."""
    return f"resnet{depth}" + ("b" if shortcut == "B" else "") + (f"-w{width:g}" if width != 1 else "")


def public_names(backbone: Backbone) -> dict[str, str]:
    """Modules of widely shared CIFAR ResNets (``layer2.0.conv1``, ...) by their names there, and what they are here."""
    names = {"conv1": "stem.conv", "bn1": "stem.norm", "linear": "classifier", "fc": "classifier"}
    per_stage = len(backbone.blocks) // len(STAGE_WIDTHS)
    for index in range(len(backbone.blocks)):
        theirs = f"layer{index // per_stage + 1}.{index % per_stage}"
        for unit in range(2):
            names[f"{theirs}.conv{unit + 1}"] = f"blocks.{index}.units.{unit}.conv"
            names[f"{theirs}.bn{unit + 1}"] = f"blocks.{index}.units.{unit}.norm"
        for shortcut in ("shortcut", "downsample"):
            names[f"{theirs}.{shortcut}.0"] = f"blocks.{index}.shortcut.conv"
            names[f"{theirs}.{shortcut}.1"] = f"blocks.{index}.shortcut.norm"
    return names
