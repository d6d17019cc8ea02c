"""The dense backbone in every form that PyTorch makes fast: what a dynamic network has to beat."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bench.execution.folding import folded
from bench.execution.precision import DTYPES
from bench.execution.skipping import lower
from bench.execution.skipping.layout import layout
from bench.networks.blocks import Backbone
from bench.networks.network import DynamicNetwork

Predict = Callable[[Tensor], Tensor]
"""Images ``[N, 3, H, W]`` to logits ``[N, classes]``."""
PACKED = "folded, packed and fused"
COMPILED = "torch.compile, folded"


def dense_forms(backbone: Backbone, compile: bool = True, precision: str = "float32") -> dict[str, Predict]:
    """``backbone``, which is not changed, as inference functions by the name of their form.

    Args:
        compile: with ``torch.compile``, which takes from seconds to minutes at the first call.
        precision: of all of it, classifier included; logits are float32.
    """
    dtype = DTYPES[precision]
    forms = {
        "eager": _eager(copy.deepcopy(backbone).eval(), torch.contiguous_format, dtype),
        "eager, channels last": _eager(copy.deepcopy(backbone).eval(), torch.channels_last, dtype),
        "folded": _eager(folded(backbone), torch.contiguous_format, dtype),
        "folded, channels last": _eager(folded(backbone), torch.channels_last, dtype),
        PACKED: lower(DynamicNetwork(copy.deepcopy(backbone)), precision).predict,
    }
    if compile:
        forms[COMPILED] = _compiled(backbone, dtype)
    return forms


def _eager(module: nn.Module, layout: torch.memory_format, dtype: torch.dtype) -> Predict:
    module = module.to(dtype).to(memory_format=layout)

    @torch.inference_mode()
    def predict(images: Tensor) -> Tensor:
        return module(images.to(dtype, memory_format=layout)).float()

    return predict


def _compiled(backbone: Backbone, dtype: torch.dtype) -> Predict:
    best = layout(backbone.classifier.weight.device)
    module = folded(backbone).to(dtype).to(memory_format=best)
    on_gpu = backbone.classifier.weight.is_cuda
    # On CPUs frozen weights are packed for oneDNN; on GPUs a CUDA graph takes the launches away.
    options: dict[str, Any] = {"triton.cudagraphs": True} if on_gpu else {"freezing": True}
    compiled = torch.compile(module, options=options, dynamic=False)

    @torch.no_grad()
    def predict(images: Tensor) -> Tensor:
        return compiled(images.to(dtype, memory_format=best)).float()

    return predict
