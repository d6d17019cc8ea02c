"""Layer-Net and Channel-Net: one fully connected layer each, on the pooled input of a block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from bench.networks.blocks import ResidualBlock, require_ungrouped
from bench.networks.importance import block_importance, filter_norms

CHANNEL_SCORE = 4.0
"""Mean score of the channel with the largest filter of its block; that of the smallest one is near zero."""
LAYER_SCORE = CHANNEL_SCORE + 1.0
"""Mean score of every block beside Channel-Nets: wherever the threshold is among the channels, blocks are not scaled
yet."""
ALONE_SCORE = 3.0
"""Mean score of the least important block without Channel-Nets; that of the most important one is near twice it."""
SHARPNESS = 4.0
"""Scales of channels are clamped scores times this, so that few channels are between off and fully on."""


class ScoreNet(nn.Module):
    """Standardised, pooled block inputs ``[N, C_in]`` to scores ``[N, outputs]``.

    Args:
        means: ``[outputs]``, the biases: mean scores over images, and at the start those of all images.
    """

    def __init__(self, in_channels: int, means: Tensor):
        super().__init__()
        # Divided by sqrt(C_in), a step of the optimiser moves a score by as much for wide blocks as for narrow ones.
        self.gain = in_channels**-0.5
        self.linear = nn.Linear(in_channels, len(means))
        nn.init.zeros_(self.linear.weight)
        self.linear.bias.data.copy_(means)

    @property
    def macs(self) -> int:
        return self.linear.weight.numel()

    def forward(self, pooled: Tensor) -> Tensor:
        return self.linear(pooled * self.gain)

    @torch.no_grad()
    def folded(self, norm: nn.BatchNorm1d, threshold: Tensor, sharpness: float) -> nn.Linear:
        """Scores above ``threshold`` times ``sharpness`` in evaluation mode, from inputs that ``norm`` has not yet
        standardised."""
        factor = sharpness * self.gain / torch.sqrt(norm.running_var + norm.eps)
        folded = nn.Linear(self.linear.in_features, self.linear.out_features)
        folded.weight = nn.Parameter(self.linear.weight * factor)
        folded.bias = nn.Parameter(sharpness * (self.linear.bias - threshold) - folded.weight @ norm.running_mean)
        return folded


def layer_nets(blocks: Sequence[ResidualBlock], alone: bool) -> nn.ModuleList:
    """Layer-Nets that start by executing every block for every image.

    Args:
        alone: without Channel-Nets, whose order would spread the savings. Then blocks, too, are in the order of their
            importance: with equal scores the rising threshold meets all of them at once, and each image skips all or
            nothing (32 % instead of 97 % top-1 on digits).
    """
    scores = torch.full((len(blocks),), LAYER_SCORE)
    if alone:
        scores = ALONE_SCORE * (1 + block_importance(blocks).argsort().argsort() / len(blocks))
    return nn.ModuleList(ScoreNet(block.in_channels, score[None]) for block, score in zip(blocks, scores))


def channel_nets(blocks: Sequence[ResidualBlock], norms: Iterable[Tensor]) -> nn.ModuleList:
    """One Channel-Net per block; the order of ``norms`` decides the mean scores of its outputs."""
    means = spread_scores(list(norms), block_importance(blocks))
    return nn.ModuleList(ScoreNet(block.in_channels, mean) for block, mean in zip(blocks, means))


def inner_norms(block: ResidualBlock) -> Tensor:
    """L1 norms of the filters that compute a block's inner channels, ``[inner_channels]``.

    Raises:
        BadInput: single channels cannot be chosen, since they belong to groups.
    """
    unit = block.units[block.gated_unit]
    require_ungrouped(unit.conv)
    return filter_norms(unit)


def spread_scores(norms: Sequence[Tensor], blocks: Tensor) -> list[Tensor]:
    """Mean scores between zero and ``CHANNEL_SCORE``, evenly spread in the order of ``norms`` within each block.

    As the common threshold rises, channels close one after the other, those with the smallest filters first, and as
    large a share of them in every block: blocks take turns.

    Args:
        norms: per block, ``[outputs]``.
        blocks: their importance, ``[blocks]``; in each turn the least important one is the first to close a channel.
    """
    turns = (blocks.argsort().argsort() + 1) / len(blocks)
    ranks = [norm.argsort(stable=True).argsort() for norm in norms]
    return [CHANNEL_SCORE * (rank + turn) / len(rank) for rank, turn in zip(ranks, turns)]
