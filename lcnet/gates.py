"""Layer-Net and Channel-Net: one fully connected layer each, on the pooled input of a block."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.backbones.importance import block_importance, channel_importance
from bench.backbones.residual import ResidualBlock

SPREAD = 0.5
"""How far an image whose features are one deviation stronger than usual moves all scores of a block at the start."""
LAYER_SCORE = 3.0
"""Score of every block at the start."""
CHANNEL_SCORE = 4.0
"""Score of a block's most important channel at the start; the least important one starts near zero."""


class ScoreNet(nn.Module):
    """Standardised, pooled block inputs ``[N, C_in]`` to scores ``[N, outputs]``.

    Args:
        start: ``[outputs]``, mean scores at the start. All weights start equal: an image whose features are stronger
            than usual moves all scores up together, so images differ from the first step on, and yet every image
            keeps the most important channels.
    """

    def __init__(self, in_channels: int, start: Tensor):
        super().__init__()
        # Divided by sqrt(C_in), a step of the optimiser moves a score by as much for wide blocks as for narrow ones.
        self.gain = in_channels**-0.5
        self.linear = nn.Linear(in_channels, len(start))
        nn.init.constant_(self.linear.weight, SPREAD * self.gain)
        self.linear.bias.data.copy_(start)

    @property
    def macs(self) -> int:
        return self.linear.weight.numel()

    def forward(self, pooled: Tensor) -> Tensor:
        return self.linear(pooled * self.gain)

    @torch.no_grad()
    def folded(self, norm: nn.BatchNorm1d, threshold: Tensor) -> nn.Linear:
        """Scores above ``threshold`` in evaluation mode, from inputs that ``norm`` has not yet standardised."""
        factor = self.gain / torch.sqrt(norm.running_var + norm.eps)
        folded = nn.Linear(self.linear.in_features, self.linear.out_features)
        folded.weight = nn.Parameter(self.linear.weight * factor)
        folded.bias = nn.Parameter(self.linear.bias - threshold - folded.weight @ norm.running_mean)
        return folded


def layer_nets(blocks: Sequence[ResidualBlock], alone: bool) -> nn.ModuleList:
    """Layer-Nets that start by executing every block for every image.

    Args:
        alone: without Channel-Nets, whose order would spread the savings. Then blocks, too, start in the order of their
            importance: with equal scores the rising threshold meets all of them at once, and each image skips all or
            nothing (32 % instead of 97 % top-1 on digits).
    """
    scores = torch.full((len(blocks),), LAYER_SCORE)
    if alone:
        scores += LAYER_SCORE * block_importance(blocks).argsort().argsort() / len(blocks)
    return nn.ModuleList(ScoreNet(block.in_channels, score[None]) for block, score in zip(blocks, scores))


def channel_net(block: ResidualBlock) -> ScoreNet:
    """A Channel-Net whose channels start in the order of their importance for the dense network, evenly spread.

    As the common threshold rises, channels close one after the other, the least important first.
    """
    rank = channel_importance(block).argsort().argsort().float() + 1
    return ScoreNet(block.in_channels, CHANNEL_SCORE * rank / len(rank))
