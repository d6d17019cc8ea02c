"""Tokens of transformers: branches that read and change some of them alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.networks.blocks import Backbone, ResidualBlock
from bench.networks.cost import BlockCost, count_backbone
from bench.networks.products import counted_products

ROUNDING = 1e-4
"""Of the largest number compared."""


def masked_tokens(block: ResidualBlock, x: Tensor, kept: Tensor) -> Tensor:
    """The output of ``block`` for ``x`` ``[N, C, T, 1]``, whose branch reads and changes the tokens ``kept`` alone.

    Everything is computed; ``kept`` ``[N, T]``, 0 or 1, gets no gradient.
    """
    kept = kept.detach()
    with _attending(block, kept):
        return block(x, kept[:, None, :, None])


@contextmanager
def _attending(block: nn.Module, kept: Tensor) -> Iterator[None]:
    """Within this context attention in ``block`` reads the tokens ``kept`` alone."""
    # A softmax over nothing is no number; where no token is kept, what comes of all of them is multiplied by zero.
    read = ((kept > 0) | (kept.amax(1, keepdim=True) == 0))[:, None, None]

    def mask(module: nn.Module, args: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, {**options, "attn_mask": read}

    masked = [module for module in block.modules() if "attn_mask" in inspect.signature(module.forward).parameters]
    hooks = [module.register_forward_pre_hook(mask, with_kwargs=True) for module in masked]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def require_tokens(backbone: Backbone) -> None:
    """Raises BadInput unless branches can leave tokens out, and the classifier reads the first token alone.

    What a branch makes of some tokens must be what it makes of them with the others masked, at the MACs that we count.
    """
    training = backbone.training
    x, fit = backbone.eval().stem(_image(backbone)), True
    for block, cost in zip(backbone.blocks, count_backbone(backbone).blocks):
        fit = fit and _leaves_out(block, cost, x)
        x = block(x)
    fit = fit and _is_near(backbone.head(x * _first(x)), backbone.head(x))
    backbone.train(training)
    if not fit:
        raise BadInput(
            "a choice of tokens needs a transformer with a class token and any number of others, as ViT and DeiT, and "
            f"{backbone.name} is none: choose a method that decides about layers, or another backbone"
        )


def _leaves_out(block: ResidualBlock, cost: BlockCost, x: Tensor) -> bool:
    """Whether every other token of ``x`` ``[1, C, T, 1]`` can be left out of ``block``."""
    if x.shape[3] != 1:
        return False
    kept = (torch.arange(x.shape[2], device=x.device) % 2 == 0).to(x.dtype)
    macs: dict[nn.Module, int] = {}
    try:
        masked = masked_tokens(block, x, kept[None])
        with counted_products(block, macs):
            alone = block(x[:, :, kept > 0])
        expected = x.index_copy(2, kept.nonzero().flatten(), alone)
    except (AssertionError, RuntimeError):  # of shapes that belong to one number of tokens
        return False
    return _is_near(masked, expected) and sum(macs.values()) == round(float(cost.branch_of_tokens(kept[None])))


def _is_near(found: Tensor, expected: Tensor) -> bool:
    return bool((found - expected).abs().max() <= ROUNDING * expected.abs().max())


def _first(x: Tensor) -> Tensor:
    """1 for the first token of ``x`` ``[N, C, T, 1]``, else 0; ``[T, 1]``."""
    return (torch.arange(x.shape[2], device=x.device) == 0).to(x.dtype)[:, None]


def _image(backbone: Backbone) -> Tensor:
    """One image of which no two pixels are alike; nothing is drawn for it."""
    weight = next(backbone.parameters())
    count = torch.Size(backbone.image_shape).numel()
    return torch.linspace(-2, 2, count, dtype=weight.dtype, device=weight.device).view(1, *backbone.image_shape)
