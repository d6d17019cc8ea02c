"""MACs of single images counted by somebody else: PyTorch's ``FlopCounterMode`` over the skipping execution."""

from __future__ import annotations

import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.execution.skipping import lower
from bench.networks.network import DynamicNetwork


def flop_counter_macs(network: DynamicNetwork, images: Tensor) -> list[int]:
    """MACs as of :func:`count_each`, counted in a process of its own, for a network that goes on being used."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as process:
        return process.submit(count_each, network, images).result()


def count_each(network: DynamicNetwork, images: Tensor) -> list[int]:
    """MACs that skipping execution really spends on each of ``images`` ``[N, 3, H, W]``, gates included.

    Counted image by image: every convolution and matrix product that reaches the dispatcher, whoever asked for it. A
    network that was counted once may run slower.
    """
    skipping = lower(network)
    return [count_one(skipping, image[None]) for image in images]


def count_one(skipping: torch.nn.Module, image: Tensor) -> int:
    """MACs that ``skipping`` spends on one ``image`` ``[1, 3, H, W]``; it may run slower afterwards."""
    with FlopCounterMode(display=False, custom_mapping=_FUSED) as counter:
        skipping(image)
    return counter.get_total_flops() // 2


def _convolution_flops(*shapes, out_shape: list[int], **_) -> int:
    """FLOPs of a convolution fused with what follows: ``(x, weight, bias, ...)`` or ``(x, other, weight, ...)``."""
    weight = shapes[2] if shapes[2] is not None and len(shapes[2]) == 4 else shapes[1]
    return 2 * math.prod(out_shape) * math.prod(weight[1:])


def _attention_flops(*shapes, **_) -> int:
    """FLOPs of both products of attention, from the shapes of queries, keys and values."""
    query, key, value = shapes[:3]
    return 2 * math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


_FUSED = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
    torch.ops.mkldnn._convolution_pointwise: _convolution_flops,
    torch.ops.mkldnn._convolution_pointwise_: _convolution_flops,
}
"""Operators that PyTorch's own table does not know."""
