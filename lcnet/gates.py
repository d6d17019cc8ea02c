"""Layer-Net and Channel-Net: one fully connected layer each, on the pooled input of a block."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.backbones.importance import block_importance, channel_importance
from bench.backbones.residual import Backbone, ResidualBlock
from bench.dynamic.cost import count_backbone

CHANNEL_SCORE = 4.0
"""Score of the network's worthiest channel at the start; the least worthy one starts near zero."""
LAYER_SCORE = CHANNEL_SCORE + 1.0
"""Score of every block at the start, beside Channel-Nets: wherever the threshold is among the channels, blocks are not
scaled yet."""
ALONE_SCORE = 3.0
"""Score of the least important block at the start without Channel-Nets; the most important one starts near twice it."""
SHARPNESS = 4.0
"""Scales of channels are clamped scores times this, so that few channels are between off and fully on."""


class ScoreNet(nn.Module):
    """Standardised, pooled block inputs ``[N, C_in]`` to scores ``[N, outputs]``.

    Args:
        start: ``[outputs]``, scores at the start, the same for all images: how these differ is learned.
    """

    def __init__(self, in_channels: int, start: Tensor):
        super().__init__()
        # Divided by sqrt(C_in), a step of the optimiser moves a score by as much for wide blocks as for narrow ones.
        self.gain = in_channels**-0.5
        self.linear = nn.Linear(in_channels, len(start))
        nn.init.zeros_(self.linear.weight)
        self.linear.bias.data.copy_(start)

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
        alone: without Channel-Nets, whose order would spread the savings. Then blocks, too, start in the order of their
            importance: with equal scores the rising threshold meets all of them at once, and each image skips all or
            nothing (32 % instead of 97 % top-1 on digits).
    """
    scores = torch.full((len(blocks),), LAYER_SCORE)
    if alone:
        scores = ALONE_SCORE * (1 + block_importance(blocks).argsort().argsort() / len(blocks))
    return nn.ModuleList(ScoreNet(block.in_channels, score[None]) for block, score in zip(blocks, scores))


def channel_nets(blocks: Sequence[ResidualBlock], starts: Sequence[Tensor]) -> nn.ModuleList:
    """One Channel-Net per block; ``starts`` are the mean scores of its outputs at the start."""
    return nn.ModuleList(ScoreNet(block.in_channels, start) for block, start in zip(blocks, starts))


@torch.no_grad()
def branch_strength(block: ResidualBlock) -> Tensor:
    """Root mean square of what the branch adds to the features, behind its last batch norm."""
    norm = block.units[-1].norm
    return (norm.weight.square() + norm.bias.square()).mean().sqrt()


def channel_worths(backbone: Backbone) -> list[Tensor]:
    """What each inner channel of each block is worth, by the weights of the dense network, ``[inner_channels]`` each.

    Its share of what its branch computes, times the branch's strength behind the last batch norm, over the square root
    of its MACs: an order through the whole network, not within each block.
    """
    worths = []
    for block, cost in zip(backbone.blocks, count_backbone(backbone).blocks):
        power = channel_importance(block).square()
        share = power / power.sum().clamp(min=torch.finfo(power.dtype).tiny)
        worths.append(share * branch_strength(block) / cost.per_channel**0.5)
    return worths


def spread_scores(worths: Sequence[Tensor]) -> list[Tensor]:
    """Scores between zero and ``CHANNEL_SCORE`` by the order of ``worths``: the mean of a channel's place among all
    channels of the network and of its place in its block.

    As the common threshold rises, channels close one after the other, the least worthy first. The first place saves
    where it costs least; the second keeps the best of every block, for after a short training the weights tell little
    yet, and by the first alone whole blocks would close.
    """
    shares = zip(places(torch.cat(list(worths))).split([len(worth) for worth in worths]), map(places, worths))
    return [CHANNEL_SCORE * (in_network + in_block) / 2 for in_network, in_block in shares]


def places(worth: Tensor) -> Tensor:
    """The share of entries that are worth no more, ``[N]`` in (0, 1]."""
    return (worth.argsort(stable=True).argsort().float() + 1) / len(worth)
