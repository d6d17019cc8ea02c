"""timm's networks on small images: as they are, or of a smaller stride from image to last features.

Networks made for 224 pixels divide height and width by 32, which leaves one position of CIFAR's 32. What is done in
practice is to let their first strided layers have stride 1, or to cut images into smaller patches.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import timm
import torch
from timm.models import model_entrypoint
from torch import Tensor, nn

from bench.errors import BadInput
from bench.networks.backbones.imagenet import from_timm, see
from bench.networks.backbones.traced import models
from bench.networks.blocks import Backbone

_NAME = re.compile(r"(?P<network>.*?)(?:-stride(?P<stride>\d+))?")
STRIDES = (1, 2, 4, 8, 16, 32)
PATCHES = {"timm.models.convnext": {8: 1, 32: 4}}
"""Modules of networks of patches whose stages stride, too: the patch by the stride. With patches of two pixels the
first stage strides as well, so none has 16."""


def on_small_images(name: str, classes: int) -> Backbone:
    """timm's network ``NAME``, or with a smaller stride as ``NAME-strideN``, freshly initialised.

    Raises:
        BadInput: a name that timm does not have, a network without residual units, or a stride that it cannot have.
    """
    _require_adaptable(name)
    return see(name, _created(name, classes))


def is_timm(name: str) -> bool:
    """Whether ``name`` is one of timm's, with or without a stride."""
    return timm.is_model(_parsed(name)[0])


@cache
def _require_adaptable(name: str) -> None:
    """Raises BadInput as :func:`on_small_images`. What is drawn for it does not show in the numbers that follow."""
    with torch.random.fork_rng(devices=[]):
        from_timm(name, _created(name, classes=10))


def _parsed(name: str) -> tuple[str, int | None]:
    match = _NAME.fullmatch(name)
    assert match is not None  # it matches every text
    return match["network"], int(match["stride"]) if match["stride"] else None


def _created(name: str, classes: int) -> Any:
    network, stride = _parsed(name)
    if stride is None:
        return models.create(network, classes)
    if stride not in STRIDES:
        raise BadInput(f"{name}: a stride is one of {', '.join(map(str, STRIDES))}")
    if (patches := _patches(network)) is not None:
        return _with_patches(name, network, classes, patches.get(stride))
    model = models.create(network, classes)
    _lessen(name, model, stride)
    return model


def _patches(network: str) -> dict[int, int] | None:
    """The patch that a network needs for each stride that it can have; None where it has no patches."""
    module = model_entrypoint(network).__module__
    return PATCHES.get(module, {stride: stride for stride in STRIDES} if module in models.ANY_SIZE else None)


def _with_patches(name: str, network: str, classes: int, patch: int | None) -> Any:
    if patch is None:
        raise BadInput(f"{name}: it can have the strides {', '.join(map(str, _patches(network) or ()))} alone")
    options: dict[str, Any] = {"num_classes": classes, "patch_size": patch}
    if model_entrypoint(network).__module__ in models.ANY_SIZE:
        with torch.device("meta"):
            made: Any = timm.create_model(network)
        # As many positions are learnt as before; they are interpolated to images of other sizes.
        options |= {"img_size": made.patch_embed.grid_size[0] * patch, "dynamic_img_size": True}
    return timm.create_model(network, **options)


def _lessen(name: str, model: nn.Module, stride: int) -> None:
    """Sets the strides of the first strided layers to 1, in place, until the whole network's is ``stride``."""
    try:
        halving = _halving(model)
        for modules in halving[: max(0, len(halving) - (stride.bit_length() - 1))]:
            for module in modules:
                module.stride = (1, 1) if isinstance(module.stride, tuple) else 1
        if 2 ** len(_halving(model)) == stride:
            return
    except (AssertionError, RuntimeError):  # what is added has two sizes, or only images of one size are taken
        pass
    raise BadInput(f"{name}: its layers cannot be given this stride")


@torch.no_grad()
def _halving(model: nn.Module) -> list[list[Any]]:
    """The layers that halve height and width, from the largest maps to the smallest: those that read equal ones
    together."""
    found: dict[int, list[nn.Module]] = {}

    def note(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        maps = [value for value in (inputs[0], output) if isinstance(value, Tensor) and value.dim() == 4]
        sizes = [value.shape[-1] for value in maps]
        if hasattr(module, "stride") and len(sizes) == 2 and sizes[0] == 2 * sizes[1]:
            found.setdefault(sizes[0], []).append(module)

    hooks = [module.register_forward_hook(note) for module in model.modules()]
    training = model.training
    model.eval()(torch.zeros(1, 3, models.COMPARED_PX, models.COMPARED_PX))
    model.train(training)
    for hook in hooks:
        hook.remove()
    return [found[size] for size in sorted(found, reverse=True)]
