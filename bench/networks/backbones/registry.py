"""Backbones by name."""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType

from bench.choices import backbone_names
from bench.errors import BadInput
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.blocks import Backbone

_CIFAR_NAME = re.compile(r"resnet(\d+)(b?)(?:-w(\d*\.?\d+))?")


def build_backbone(name: str, classes: int, dataset: str = "") -> Backbone:
    """A freshly initialised backbone, for instance ``resnet20``, ``resnet56b`` or ``resnet20-w0.5``.

    Args:
        dataset: what it is for. For ``imagenet`` it is one of timm's: ``resnet50`` is another network there.

    Raises:
        BadInput: a name outside the family.
    """
    if dataset == "imagenet":
        return _imagenet().imagenet_resnet(name, classes)
    match = _CIFAR_NAME.fullmatch(name)
    if match is None:
        raise BadInput(f"unknown backbone {name!r}: choose from {', '.join(backbone_names(dataset))}")
    depth, projection, width = match.groups()
    return cifar_resnet(int(depth), classes, "B" if projection else "A", float(width or 1))


def _imagenet() -> ModuleType:
    # Imported on demand: timm takes its time, and most commands build no network of it.
    return import_module("bench.networks.backbones.imagenet")
