"""Classifiers behind blocks of one network, each of which may give the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from bench.networks.blocks import Backbone
from bench.networks.cost import BackboneCost, count_backbone
from bench.networks.modules import Modules
from bench.networks.stopping import StopRule


class Exits(nn.Module):
    """Classifiers behind some blocks, and the rule by which samples stop at one of them.

    Args:
        heads: by the index of the block behind which each stands. A head maps the block's output ``[n, C, H, W]`` and
            what the heads before it said of the same samples, ``[n, classes]`` each, to logits ``[n, classes]``.
        rule: with one threshold per head.
    """

    def __init__(self, heads: Mapping[int, nn.Module], rule: StopRule):
        super().__init__()
        self.after = tuple(sorted(heads))
        self.heads = Modules(heads[index] for index in self.after)
        self.rule = rule

    def ask(self, index: int, x: Tensor, given: list[Tensor]) -> bool:
        """Appends to ``given`` what the head behind block ``index`` says of ``x``; returns whether there is one."""
        if index not in self.after:
            return False
        given.append(self.heads[self.after.index(index)](x, given).float())
        return True

    def shares(self, cost: BackboneCost) -> list[float]:
        """Of the backbone's MACs, what is spent in front of each exit, heads left out."""
        return [cost.ends[index] for index in self.after]


class PooledHead(nn.Module):
    """Pools maps larger than 4 x 4 to that size and classifies them linearly, as in Shallow-Deep Networks.

    The pool is ``a * max + (1 - a) * mean`` with one learned ``a`` between 0 and 1 (a sigmoid holds it there).

    Args:
        size: height and width of the maps.
        more: further inputs of the classifier, for subclasses.
    """

    POOLED = 4

    def __init__(self, channels: int, size: int, classes: int, more: int = 0):
        super().__init__()
        self.mix = nn.Parameter(torch.zeros(())) if size > self.POOLED else None
        self.linear = nn.Linear(channels * min(size, self.POOLED) ** 2 + more, classes)

    def features(self, x: Tensor) -> Tensor:
        """``[n, C, H, W]`` to what the classifier sees, ``[n, 16 C]``."""
        if self.mix is None:
            return x.flatten(1)
        largest = nn.functional.adaptive_max_pool2d(x, self.POOLED)
        mean = nn.functional.adaptive_avg_pool2d(x, self.POOLED)
        return torch.lerp(mean, largest, self.mix.sigmoid().to(x.dtype)).flatten(1)

    def forward(self, x: Tensor, given: Sequence[Tensor]) -> Tensor:
        return self.linear(self.features(x))


@torch.no_grad()
def map_sizes(backbone: Backbone) -> list[int]:
    """Height of the features behind each block, for images of the backbone's size."""
    weight, training = backbone.classifier.weight, backbone.training
    x = backbone.eval().stem(torch.zeros(1, *backbone.image_shape, dtype=weight.dtype, device=weight.device))
    sizes = []
    for block in backbone.blocks:
        x = block(x)
        sizes.append(x.shape[2])
    backbone.train(training)
    return sizes


def exit_places(backbone: Backbone, shares: Sequence[float]) -> list[int]:
    """Indices of the blocks, never the last, that end nearest to ``shares`` of the backbone's MACs."""
    ends = count_backbone(backbone).ends[:-1]
    return sorted({min(range(len(ends)), key=lambda index: abs(ends[index] - share)) for share in shares})
