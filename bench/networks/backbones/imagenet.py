"""timm's ImageNet residual networks, seen as stem, blocks and classifier: the very modules, in another order."""

from __future__ import annotations

from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from timm.models import get_pretrained_cfg
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from torch import nn

from bench.choices import IMAGENET_BACKBONES as NAMES
from bench.errors import BadInput
from bench.networks.blocks import Backbone, ConvUnit, ResidualBlock

IMAGE_SHAPE = (3, 224, 224)
CLASSES = 1000


def imagenet_resnet(name: str, classes: int = CLASSES) -> Backbone:
    """timm's network ``name``, freshly initialised; it computes what timm's own ``forward`` does.

    Raises:
        BadInput: a name outside ``NAMES``.
    """
    if name not in NAMES:
        raise BadInput(f"unknown ImageNet backbone {name!r}: choose from {', '.join(NAMES)}")
    return from_timm(name, timm.create_model(name, num_classes=classes))


def from_timm(name: str, model: ResNet) -> Backbone:
    """The modules of ``model``, shared with it, as a backbone."""
    stem = nn.Sequential(ConvUnit(model.conv1, model.bn1, activation=True), model.maxpool)
    layers = (model.layer1, model.layer2, model.layer3, model.layer4)
    blocks = [_block(block) for layer in layers for block in layer]
    return Backbone(name, stem, blocks, model.fc, IMAGE_SHAPE)


def _block(block: BasicBlock | Bottleneck) -> ResidualBlock:
    pairs = [(block.conv1, block.bn1), (block.conv2, block.bn2)]
    if isinstance(block, Bottleneck):
        pairs.append((block.conv3, block.bn3))
    units = [ConvUnit(conv, norm, activation=index < len(pairs) - 1) for index, (conv, norm) in enumerate(pairs)]
    shortcut = nn.Identity() if block.downsample is None else ConvUnit(*block.downsample, activation=False)
    return ResidualBlock(units, shortcut)


def timm_names(name: str) -> dict[str, str]:
    """Modules of timm's (and torchvision's) network ``name`` by their names there, and what they are here."""
    with torch.device("meta"):
        model = timm.create_model(name)
        ours = {id(module): place for place, module in from_timm(name, model).named_modules()}
    return {theirs: ours[id(module)] for theirs, module in model.named_modules() if id(module) in ours}


def download(name: str, folder: Path) -> Path:
    """timm's pretrained weights of ``name`` as a file in ``folder``, from the internet unless it is there already.

    Raises:
        BadInput: an unknown name, no connection, or a folder that cannot be written.
    """
    if name not in NAMES:
        raise BadInput(f"timm's weights are for ImageNet backbones ({', '.join(NAMES)}), not {name!r}")
    path = folder / f"{name}.{get_pretrained_cfg(name).tag}.safetensors"
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
