"""Multiply-accumulates of convolutions and matrix products, by the module that calls for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


@contextmanager
def counted_products(network: nn.Module, macs: dict[nn.Module, int]) -> Iterator[None]:
    """Within this context what functions multiply in a pass of ``network`` is added to ``macs`` of their module."""
    running: list[nn.Module] = []

    def enter(module: nn.Module, inputs: Any) -> None:
        running.append(module)

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        running.pop()

    hooks = [module.register_forward_pre_hook(enter) for module in network.modules()]
    hooks += [module.register_forward_hook(leave) for module in network.modules()]
    try:
        with _Functions(running, macs):
            yield
    finally:
        for hook in hooks:
            hook.remove()


class _Functions(TorchFunctionMode):
    """Sees every function of PyTorch that is called."""

    def __init__(self, running: list[nn.Module], macs: dict[nn.Module, int]):
        super().__init__()
        self.running, self.macs = running, macs

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in MACS:
            module = self.running[-1]
            self.macs[module] = self.macs.get(module, 0) + MACS[func](result, *args)
        return result


def _convolution(result: Tensor, x: Tensor, weight: Tensor, *_: Any) -> int:
    return result.numel() * weight[0].numel()


def _product(result: Tensor, left: Tensor, *_: Any) -> int:
    return result.numel() * left.shape[-1]


def _attention(result: Tensor, query: Tensor, key: Tensor, value: Tensor, *_: Any) -> int:
    """Both products: queries with keys, and weights with values."""
    return query.shape[:-1].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1])


MACS: dict[Any, Callable[..., int]] = {
    torch.conv1d: _convolution,
    torch.conv2d: _convolution,
    F.linear: _product,
    torch.matmul: _product,
    torch.bmm: _product,
    Tensor.matmul: _product,
    Tensor.__matmul__: _product,
    F.scaled_dot_product_attention: _attention,
}
"""How many multiply-accumulates a function makes, from its result and its arguments."""
