"""Backbones by name, and weights for them from files."""

from __future__ import annotations

import re
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bench.choices import backbone_names
from bench.errors import BadInput
from bench.networks.backbones.cifar import cifar_resnet, public_state_dict
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


def load_weights(backbone: Backbone, path: Path) -> None:
    """Loads weights without running a checkpoint's code: our layout, that of public CIFAR ResNets, or timm's.

    Raises:
        BadInput: no such file, not a checkpoint, or one for another network.
    """
    state = _read(path)
    if not any(key.startswith("blocks.") for key in state):
        large = backbone.image_shape[1] > 32
        state = _imagenet().timm_state_dict(backbone.name, state) if large else public_state_dict(backbone, state)
    expected = backbone.state_dict()
    # Checkpoints from before torch 0.4.1 do not count batches; nothing here depends on that number.
    state = {key: value for key, value in expected.items() if key.endswith("num_batches_tracked")} | state
    unlike = sorted(expected.keys() ^ state.keys()) or [
        key for key, value in expected.items() if value.shape != state[key].shape
    ]
    if unlike:
        raise BadInput(f"{path} does not hold weights of {backbone.name}: {unlike[0]} does not fit")
    backbone.load_state_dict(state)


def count_outputs(path: Path) -> int:
    """Number of classes that the weights in ``path`` tell apart.

    Raises:
        BadInput: no such file, not a checkpoint, or one without a classifier.
    """
    state = _read(path)
    for name in ("classifier.bias", "fc.bias", "module.fc.bias", "linear.bias", "module.linear.bias"):
        if name in state:
            return len(state[name])
    raise BadInput(f"{path} holds no classifier")


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
            state = {key.removeprefix("backbone."): value for key, value in state.items() if not _of_router(key)}
        else:
            state = _unpickled(path)
    except FileNotFoundError as error:
        raise BadInput(f"no checkpoint {path}") from error
    except (SafetensorError, OSError) as error:
        raise BadInput(f"cannot read checkpoint {path}: {error}") from error
    except Exception as error:  # torch.load reports damage and refused code by many exception types
        raise BadInput(f"cannot read checkpoint {path}: it is damaged or holds more than weights") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else None
    if not isinstance(state, dict) or not all(_is_weight(*item) for item in state.items()):
        raise BadInput(f"{path} is no checkpoint of weights")
    return state


def _unpickled(path: Path) -> object:
    with warnings.catch_warnings(action="ignore"):  # about what it then refuses in so many words
        return torch.load(path, map_location="cpu", weights_only=True)


def _is_weight(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, Tensor) and not value.is_complex()


def _of_router(key: str) -> bool:
    return key.startswith("router.")
