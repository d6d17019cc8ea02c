"""timm's networks, seen as stem, blocks and classifier.

Plain ResNets become blocks of convolutions, whose channels can be chosen and which run folded: the very modules, in
another order. All others keep their modules and are cut where their graph shows a sum, see :mod:`.traced`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any

import timm
import torch
from safetensors.torch import save_file
from timm.models import get_pretrained_cfg
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from torch import nn

from bench.choices import IMAGENET_BACKBONES as NAMES
from bench.errors import BadInput
from bench.networks.backbones.traced import models
from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock

CLASSES = 1000
TOLERANCE = 1e-4
"""Of the largest logit."""


def imagenet_resnet(name: str, classes: int = CLASSES) -> Backbone:
    """timm's network ``name``, freshly initialised; it computes what timm's own ``forward`` does.

    Raises:
        BadInput: a name that timm does not have, or a network without residual units.
    """
    if name not in NAMES:
        _require_adaptable(name)
    return see(name, models.create(name, classes))


def from_timm(name: str, model: nn.Module) -> Backbone:
    """The modules of ``model``, shared with it, as a backbone.

    Raises:
        BadInput: it has no residual units, or computes something else than they do.
    """
    try:
        difference = models.difference(model, lambda twin: see(name, twin))
        if not difference <= TOLERANCE:  # so that no number differs, too
            raise BadInput(f"its logits would differ by {difference:.1g}, relatively")
        return see(name, model)
    except BadInput as error:
        raise BadInput(f"{name} cannot be gated block by block: {error}") from error


def see(name: str, model: nn.Module) -> Backbone:
    """As :func:`from_timm`, without a comparison."""
    return _assembled(name, model) if _is_plain(model) else models.traced(name, model)


@cache
def _require_adaptable(name: str) -> None:
    """Raises BadInput as :func:`imagenet_resnet`. What is drawn for it does not show in the numbers that follow."""
    if not timm.is_model(name):
        raise BadInput(f"unknown ImageNet backbone {name!r}: choose from {', '.join(NAMES)}, or another of timm's")
    with torch.random.fork_rng(devices=[]):
        from_timm(name, models.create(name, CLASSES))


def _is_plain(model: nn.Module) -> bool:
    """Whether ``model`` is a ResNet whose blocks hold nothing but convolutions, batch norms and ReLUs."""
    if not isinstance(model, ResNet):
        return False
    layers = (model.layer1, model.layer2, model.layer3, model.layer4)
    blocks: list[Any] = [block for layer in layers for block in layer]  # type: ignore[union-attr]  # made by name
    if any(type(block) not in (BasicBlock, Bottleneck) or block.se is not None for block in blocks):
        return False
    # Some blur before they stride.
    if not all(isinstance(block.aa, nn.Identity | NoneType) for block in blocks):
        return False
    kinds = {type(module) for module in model.modules()}
    return all(issubclass(kind, KNOWN) or kind.__module__ in CONTAINERS for kind in kinds)


KNOWN = (nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Linear, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Identity)
CONTAINERS = (
    "timm.models.resnet",
    "timm.layers.adaptive_avgmax_pool",
    "torch.nn.modules.container",
    "torch.nn.modules.flatten",
)
"""Modules of Python whose classes compute nothing of their own here."""


def _assembled(name: str, model: Any) -> Backbone:
    layers = (model.layer1, model.layer2, model.layer3, model.layer4)
    blocks = [_block(block) for layer in layers for block in layer]
    return Backbone(name, _stem(model), blocks, model.fc, tuple(model.default_cfg["input_size"]))


def _stem(model: Any) -> nn.Sequential:
    """One convolution, or the three of a deep stem, and the pool."""
    if isinstance(model.conv1, nn.Conv2d):
        return nn.Sequential(ConvUnit(model.conv1, model.bn1, activation=True), model.maxpool)
    convs = [module for module in model.conv1 if isinstance(module, nn.Conv2d)]
    norms = [module for module in model.conv1 if isinstance(module, nn.BatchNorm2d)] + [model.bn1]
    return nn.Sequential(*(ConvUnit(conv, norm, activation=True) for conv, norm in zip(convs, norms)), model.maxpool)


def _shortcut(downsample: Any) -> nn.Module:
    """The identity, a projection, or (ResNet-D) a pool in front of one."""
    if downsample is None:
        return nn.Identity()
    *pools, conv, norm = downsample
    projection = ConvUnit(conv, norm, activation=False)
    return nn.Sequential(*pools, projection) if pools else projection


def _block(block: Any) -> ResidualBlock:
    pairs = [(block.conv1, block.bn1), (block.conv2, block.bn2)]
    if isinstance(block, Bottleneck):
        pairs.append((block.conv3, block.bn3))
    units = [ConvUnit(conv, norm, activation=index < len(pairs) - 1) for index, (conv, norm) in enumerate(pairs)]
    return ResidualBlock(units, _shortcut(block.downsample))


def timm_names(name: str) -> dict[str, str]:
    """Modules of timm's (and torchvision's) network ``name`` by their names there, and what they are here."""
    with torch.device("meta"):
        model = timm.create_model(name)
        ours = {id(module): place for place, module in _assembled(name, model).named_modules()}
    return {theirs: ours[id(module)] for theirs, module in model.named_modules() if id(module) in ours}


def download(name: str, folder: Path) -> Path:
    """timm's pretrained weights of ``name`` as a file in ``folder``, from the internet unless it is there already.

    Raises:
        BadInput: an unknown name, no connection, or a folder that cannot be written.
    """
    if not timm.is_model(name):
        raise BadInput(f"timm's weights are for ImageNet backbones ({', '.join(NAMES)}), not {name!r}")
    path = folder / f"{name}.{get_pretrained_cfg(name).tag}.safetensors"  # type: ignore[union-attr]  # each of timm's has one
    if path.exists():
        return path
    try:
        model = timm.create_model(name, pretrained=True)
    except Exception as error:  # as many types as there are clients, proxies and resolvers
        reason = " ".join(str(error).split())[:120]
        raise BadInput(
            f"timm's weights of {name} cannot be downloaded ({type(error).__name__}: {reason}): where there is no "
            "internet, give a file with --backbone-weights"
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    save_file(model.state_dict(), temporary)
    temporary.replace(path)
    return path
