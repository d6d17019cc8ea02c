"""timm's networks as their graphs show them, and how far another form of a network is from the network."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import timm
import torch
from timm.models import model_entrypoint
from torch import nn

from bench.networks.backbones.traced.adapter import adapt
from bench.networks.backbones.traced.block import TracedBackbone

COMPARED_PX = 96
"""Height and width of the images on which both forms of a network are compared, where it takes any. Inception's want 75
or more."""
ANY_SIZE = ("timm.models.vision_transformer", "timm.models.deit")
"""Modules whose networks have to be asked to take images of other sizes than they were made for."""


def create(name: str, classes: int) -> Any:
    """timm's network ``name``, freshly initialised."""
    options: dict[str, Any] = {"dynamic_img_size": True} if model_entrypoint(name).__module__ in ANY_SIZE else {}
    return timm.create_model(name, num_classes=classes, **options)


def traced(name: str, model: Any) -> TracedBackbone:
    """The modules of timm's ``model``, shared with it, as a backbone; raises as :func:`adapt`."""
    return adapt(name, model, compared_px(model), model.default_cfg["input_size"][-1])


def compared_px(model: Any) -> int:
    """Height and width of images that ``model`` takes."""
    fixed = model.default_cfg.get("fixed_input_size") and not getattr(model, "dynamic_img_size", False)
    return model.default_cfg["input_size"][-1] if fixed else COMPARED_PX


@torch.no_grad()
def difference(model: nn.Module, other_form: Callable[[Any], nn.Module]) -> float:
    """Largest difference of the logits of both forms, relative to the largest logit, with scales drawn at random.

    Fresh ones would hide much: timm sets the last one of a branch to zero, or to nearly that.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        twin = copy.deepcopy(model).cpu().eval()
        draw_scales(twin)
        px = compared_px(twin)
        images = torch.randn(2, 3, px, px)
        theirs = twin(images)
        ours = other_form(twin).eval()(images)
    return float((ours - theirs).abs().max() / theirs.abs().max())


def draw_scales(model: nn.Module) -> None:
    """Draws scales, shifts and statistics of all norms, in place."""
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2 or name.endswith("gamma"):
            nn.init.normal_(parameter, std=0.2) if name.endswith("bias") else nn.init.uniform_(parameter, 0.5, 1.5)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            nn.init.normal_(buffer, std=0.2)
        if name.endswith("running_var"):
            nn.init.uniform_(buffer, 0.5, 1.5)
