"""Blocks dropped at random, at the same rate for all images: what a gate is worth that has learnt nothing.

A network knows no image index, so chance must come from the image itself: its pixels are hashed, and the hash draws
for every block whether it runs. Equal images always take the same path, on every machine and in every batch; nearly
equal ones take independent paths, so the choice says nothing about difficulty. All blocks are drawn with the
probability that gives the operating point in the mean. In training each augmented image draws its own path, as in
stochastic depth (Huang et al., arXiv 1603.09382), without its rescaling: the path at test time is drawn alike.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from baselines.dense import Dense
from bench.methods.interface import MethodInfo
from bench.networks.blocks import Backbone
from bench.networks.cost import count_backbone
from bench.networks.decisions import LayerDecision
from bench.networks.network import DynamicNetwork
from bench.networks.router import Router

# Odd constants of splitmix64 (Steele et al., OOPSLA 2014), as signed integers.
_GOLDEN, _MIX_1, _MIX_2 = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15
_QUANTA = 1024
"""Pixel values are rounded to this fraction first, so that the last bit of a float does not matter."""


def _mixed(keys: Tensor) -> Tensor:
    """The finaliser of splitmix64 on int64, but with arithmetic shifts; sums and products wrap around."""
    keys = (keys ^ (keys >> 30)) * _MIX_1
    keys = (keys ^ (keys >> 27)) * _MIX_2
    return keys ^ (keys >> 31)


def uniform_from_content(images: Tensor, draws: int) -> Tensor:
    """Pseudo-random numbers in [0, 1) that depend on nothing but each image, ``[N, draws]``."""
    pixels = (images.flatten(1) * _QUANTA).round().long()
    positions = torch.arange(pixels.shape[1], device=images.device)
    # A sum of integers is the same in any order.
    keys = _mixed(pixels + (positions + 1) * _GOLDEN).sum(1)
    numbers = _mixed(keys[:, None] + torch.arange(1, draws + 1, device=images.device) * _GOLDEN)
    return ((numbers >> 11) & (2**40 - 1)).double() / 2**40


class RandomRouter(Router):
    """Executes each block with the same probability, drawn from a hash of the image; costs nothing."""

    def __init__(self, blocks: int, probability: float):
        super().__init__(blocks)
        self.probability = probability

    def start(self, images: Tensor) -> Tensor:
        return (uniform_from_content(images, self.blocks) < self.probability).to(images.dtype)

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        return LayerDecision(state[:, index], state[:, index])


class Random(Dense):
    """Random paths at a fixed rate, fine-tuned."""

    info = MethodInfo("layer", "hash of the image", "none: the trivial rival of every layer gate", None)
    has_points = True

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        assert point is not None
        cost = count_backbone(backbone)
        probability = (point * cost.total - cost.fixed) / (cost.total - cost.fixed)
        return DynamicNetwork(backbone, RandomRouter(len(backbone.blocks), probability))
