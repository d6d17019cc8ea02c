"""Networks in bfloat16: kernels against the same plan in PyTorch, which rounds where they do.

Triton's interpreter keeps the bits of bfloat16, but multiplies them as integers and cuts float32 off. A GPU sums
products in float32 and rounds to nearest, which is mended here. Run as ``kernels_interpreted.py`` is.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gated import BiasedRouter, build, images
from torch import Tensor, nn
from torch.nn import functional as F
from triton import language as tl
from triton.runtime.interpreter import InterpreterBuilder, InterpreterOptions, TensorHandle, interpreter_builder

from bench.execution.skipping.convolution import fold
from bench.execution.triton import TritonNetwork
from bench.execution.triton.forms import FORMS
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.network import DynamicNetwork

interpreter_builder.options = InterpreterOptions(sanitize_overflow=False)
as_integers, cut_off = InterpreterBuilder.create_dot, InterpreterBuilder.create_fp_trunc


@pytest.fixture(autouse=True)
def _bfloat16_as_on_a_gpu(monkeypatch):
    def create_dot(builder, a, b, total, *how):
        return as_integers(builder, widened(a), widened(b), total, *how)

    def create_fp_trunc(builder, values, to):
        if (values.dtype.scalar, to.scalar) != (tl.float32, tl.bfloat16):
            return cut_off(builder, values, to)
        bits = torch.from_numpy(np.ascontiguousarray(values.data)).bfloat16().view(torch.uint16)
        return TensorHandle(bits.numpy(), tl.bfloat16)

    monkeypatch.setattr(InterpreterBuilder, "create_dot", create_dot)
    monkeypatch.setattr(InterpreterBuilder, "create_fp_trunc", create_fp_trunc)


def widened(values: TensorHandle) -> TensorHandle:
    """The same numbers in float32, whose upper half bfloat16 is."""
    if values.dtype.scalar != tl.bfloat16:
        return values
    return TensorHandle((values.data.astype(np.uint32) << 16).view(np.float32), tl.float32)


def rounded(x: Tensor) -> Tensor:
    return x.bfloat16().float()


def convolved(unit: nn.Module, x: Tensor) -> Tensor:
    """Of rounded features by rounded weights, in float32."""
    folded = fold(unit)
    return F.conv2d(x, rounded(folded.weight), folded.bias, unit.conv.stride, unit.conv.padding)


def by_plan(network: DynamicNetwork, x: Tensor) -> Tensor:
    """Logits. Features and weights are rounded; sums, what is pooled of features, gates and the classifier are not."""
    exact = convolved(network.backbone.stem, rounded(x)).relu()
    x, pooled = rounded(exact), exact.mean((2, 3))
    for index, block in enumerate(network.backbone.blocks):
        scale = network.router.decide_layer(index, pooled, None).scale[:, None]
        chosen = network.router.decide_channels(index, pooled, None).scale[:, :, None, None]
        shortcut = block.shortcut(x)
        inner = rounded(convolved(block.units[0], x).relu() * chosen)
        exact = (shortcut + scale[:, :, None, None] * convolved(block.units[1], inner)).relu()
        skipped = pooled if isinstance(block.shortcut, nn.Identity) else shortcut.mean((2, 3))
        pooled = torch.where(scale > 0, exact.mean((2, 3)), skipped)
        x = torch.where(scale[:, :, None, None] > 0, rounded(exact), shortcut)
    return network.backbone.classifier(pooled)


@torch.no_grad()
@pytest.mark.parametrize("form", FORMS)
def test_a_network_rounds_where_the_plan_rounds(form):
    torch.manual_seed(0)
    backbone = cifar_resnet(8, width=0.25)
    network, x = build(backbone, BiasedRouter(backbone, 0.7, 0.5)), images(2, 3, 3)
    expected, exact = by_plan(network, x), network(x).logits
    found = TritonNetwork(network, "bfloat16", form).predict(x)
    largest = expected.abs().max()
    torch.testing.assert_close(found / largest, expected / largest, rtol=0, atol=2e-4)
    assert 1e-3 < (found - exact).abs().max() / largest < 5e-2, "float32 would not do the same"
