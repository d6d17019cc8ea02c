"""Backbones by name."""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType

from bench.choices import BACKBONES, DATASETS, IMAGENET_BACKBONES, backbone_names
from bench.errors import BadInput
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.blocks import Backbone

_PARTS = ("adapter", "block", "channels", "graph", "layout", "models", "pieces")
TRACED = tuple(f"bench.networks.backbones.traced.{name}" for name in _PARTS)
"""Modules by which networks without blocks of ours are seen as some."""
_STRIDES = "bench.networks.backbones.traced.strides"
_CIFAR_NAME = re.compile(r"resnet(\d+)(b?)(?:-w(\d*\.?\d+))?")


def build_backbone(name: str, classes: int, dataset: str = "") -> Backbone:
    """A freshly initialised backbone, for instance ``resnet20``, ``resnet56b`` or ``resnet20-w0.5``.

    Args:
        dataset: what it is for; costs are counted for images of its size. Where images are files of any size the
            backbone is one of timm's: ``resnet50`` is another network there.

    Raises:
        BadInput: a name outside the family, or a registered backbone that cannot be built.
    """
    source = DATASETS.load(dataset) if dataset else None
    if source is not None and source.from_files and not _is_registered(name):
        return _imagenet().imagenet_resnet(name, classes)
    backbone = _registered(name, classes) if _is_registered(name) else _cifar(name, classes, dataset)
    if source is not None and not source.from_files:
        backbone.image_shape = (backbone.image_shape[0], source.image_size, source.image_size)
    return backbone


def _cifar(name: str, classes: int, dataset: str) -> Backbone:
    match = _CIFAR_NAME.fullmatch(name)
    if match is None:
        return _small(name, classes, dataset)
    depth, projection, width = match.groups()
    return cifar_resnet(int(depth), classes, "B" if projection else "A", float(width or 1))


def _small(name: str, classes: int, dataset: str) -> Backbone:
    """timm's, where images are no files."""
    strides = import_module(_STRIDES)
    if not strides.is_timm(name):
        known = f"{', '.join(backbone_names(dataset))}, or a network of timm's, as NAME or NAME-strideN"
        raise BadInput(f"unknown backbone {name!r}: choose from {known}")
    return strides.on_small_images(name, classes)


def backbone_modules(name: str, from_files: bool = True) -> list[str]:
    """The modules that build a backbone, but for those that every job's id covers.

    Args:
        from_files: whether it is for images in files; of timm's, others may have other strides.
    """
    if _is_registered(name):
        return [BACKBONES.load(name).__module__]
    if _CIFAR_NAME.fullmatch(name) or (from_files and name in IMAGENET_BACKBONES):
        return []
    return [*TRACED, *([] if from_files else [_STRIDES])]


def _is_registered(name: str) -> bool:
    return _CIFAR_NAME.fullmatch(name) is None and name in BACKBONES.names()


def _registered(name: str, classes: int) -> Backbone:
    """What a package registers: a function of the number of classes."""
    backbone = BACKBONES.load(name, then=lambda make: make(classes))
    if not isinstance(backbone, Backbone):
        raise BadInput(f"backbone {name!r} is not a bench.networks.Backbone")
    if backbone.name != name:
        raise BadInput(f"backbone {name!r} calls itself {backbone.name!r}")
    return backbone


def _imagenet() -> ModuleType:
    # Imported on demand: timm takes its time, and most commands build no network of it.
    return import_module("bench.networks.backbones.imagenet")
