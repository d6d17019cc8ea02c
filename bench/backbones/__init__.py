"""Backbones by name, and weights for them from files."""

from __future__ import annotations

import hashlib
import re
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from bench.backbones.cifar import DEPTHS, cifar_resnet, public_state_dict
from bench.backbones.residual import Backbone, ConvUnit, ResidualBlock
from bench.errors import BadInput

__all__ = ["Backbone", "ConvUnit", "ResidualBlock", "backbone_names", "build_backbone", "file_hash", "load_weights"]

_CIFAR_NAME = re.compile(r"resnet(\d+)(b?)(?:-w(\d*\.?\d+))?")


def backbone_names() -> list[str]:
    """Names that :func:`build_backbone` takes; each also with ``b`` (projection shortcuts) and ``-w0.5`` (width)."""
    return [f"resnet{depth}" for depth in DEPTHS]


def build_backbone(name: str, classes: int) -> Backbone:
    """A freshly initialised backbone, for instance ``resnet20``, ``resnet56b`` or ``resnet20-w0.5``.

    Raises:
        BadInput: a name outside the family.
    """
    match = _CIFAR_NAME.fullmatch(name)
    if match is None:
        raise BadInput(f"unknown backbone {name!r}: choose from {', '.join(backbone_names())}")
    depth, projection, width = match.groups()
    return cifar_resnet(int(depth), classes, "B" if projection else "A", float(width or 1))


def load_weights(backbone: Backbone, path: Path) -> None:
    """Loads ``.safetensors`` in our layout, or a public CIFAR ResNet checkpoint (``.th``), without running its code.

    Raises:
        BadInput: no such file, not a checkpoint, or one for another network.
    """
    state = _read(path)
    if not any(key.startswith("blocks.") for key in state):
        state = public_state_dict(backbone, state)
    expected = backbone.state_dict()
    # Checkpoints from before torch 0.4.1 do not count batches; nothing here depends on that number.
    state = {key: value for key, value in expected.items() if key.endswith("num_batches_tracked")} | state
    unlike = sorted(expected.keys() ^ state.keys()) or [
        key for key, value in expected.items() if value.shape != state[key].shape
    ]
    if unlike:
        raise BadInput(f"{path} does not hold weights of {backbone.name}: {unlike[0]} does not fit")
    backbone.load_state_dict(state)


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


def file_hash(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        if path.exists() and not path.is_file():  # a device never ends
            raise BadInput(f"cannot read {path}: no regular file")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
