"""The dense network in stock PyTorch's fastest forms for a GPU, in one precision, and the roofs that bound any form."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.execution.folding import folded
from bench.execution.triton.parameters import PRECISIONS
from bench.execution.triton.replay import captured
from bench.measurement.clock import measure
from bench.networks.backbones import Backbone

Predict = Callable[[Tensor], Tensor]
TYPES = {name: dtype for name, (dtype, _) in PRECISIONS.items()}
SIDE, LONG = {"cuda": 8192, "cpu": 64}, {"cuda": 1 << 28, "cpu": 1 << 16}
"""Of the matrices whose product is timed, and floats of the copy: large for a GPU, small for a trial without one."""


def use_precision(precision: str) -> None:
    """Lets float32 be multiplied as ``precision`` says, from here on."""
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = True


def stock_forms(backbone: Backbone, precision: str, compile: bool) -> dict[str, Predict]:
    """``backbone``, which is not changed, with folded norms, by the name of each form.

    On a GPU each is a CUDA graph as well. ``compile`` adds ``torch.compile`` in its mode ``max-autotune``, which takes
    minutes for deep networks.
    """
    on_gpu = backbone.classifier.weight.is_cuda
    forms: dict[str, Predict] = {}
    for name, layout in (("eager", torch.contiguous_format), ("eager, channels last", torch.channels_last)):
        module = folded(backbone).to(TYPES[precision]).to(memory_format=layout)
        forms[name] = _in_layout(module, precision, layout)
        if on_gpu:
            forms[name.replace("eager", "CUDA graph")] = Graphed(forms[name])
    if compile:
        module = folded(backbone).to(TYPES[precision]).to(memory_format=torch.channels_last)
        compiled = torch.compile(module, mode="max-autotune" if on_gpu else None, dynamic=False)
        forms["torch.compile"] = _in_layout(compiled, precision, torch.channels_last)
    return forms


def _in_layout(module: nn.Module | Predict, precision: str, layout: torch.memory_format) -> Predict:
    @torch.no_grad()
    def predict(images: Tensor) -> Tensor:
        return module(images.to(TYPES[precision]).contiguous(memory_format=layout)).float()

    return predict


class Graphed:
    """A function of images of one shape as a CUDA graph, captured at the first call."""

    def __init__(self, predict: Predict):
        self.predict = predict
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, images: Tensor) -> Tensor:
        if self.graph is None:
            self.images = images.clone()
            self.graph, self.logits = captured(lambda: self.predict(self.images))
        self.images.copy_(images)
        self.graph.replay()
        return self.logits.clone()


def roofs(precision: str, device: torch.device, seconds: float) -> tuple[float, float]:
    """Multiply-adds per second of a large matrix product, and bytes per second of a long copy, as measured here."""
    side, long = SIDE[device.type], LONG[device.type]
    a, b = (torch.rand(side, side, device=device, dtype=TYPES[precision]) for _ in range(2))
    source = torch.zeros(long, device=device)
    target = torch.zeros_like(source)
    contestants = {"product": lambda _: a @ b, "copy": lambda _: target.copy_(source)}
    measured = measure(contestants, [torch.zeros(1, device=device)], seconds)
    product, copy = (measured.percentile(name, 50) / 1e3 for name in contestants)
    return side**3 / product, 2 * source.numel() * source.element_size() / copy
