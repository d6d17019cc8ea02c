"""Layer-Net and Channel-Net: one fully connected layer each, on the pooled input of a block."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from operator import methodcaller

import torch
from torch import Tensor, nn

from bench.networks.blocks import ResidualBlock
from bench.networks.importance import block_importance
from bench.networks.modules import Modules

CHANNEL_SCORE = 4.0
"""Mean score of the channel with the largest filter of its block; that of the smallest one is near zero."""
ALONE_SCORE = 3.0
"""Mean score of the least important block without Channel-Nets; that of the most important one is near twice it."""


class ScoreNet(nn.Module):
    """Standardised, pooled block inputs ``[N, C_in]`` to scores ``[N, outputs]``.

    Args:
        means: ``[outputs]``, the biases: mean scores over images, and at the start those of all images. Empty where a
            block has no channels to choose.
    """

    def __init__(self, in_channels: int, means: Tensor):
        super().__init__()
        # Divided by sqrt(C_in), a step of the optimiser moves a score by as much for wide blocks as for narrow ones.
        self.gain = in_channels**-0.5
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch takes a layer without outputs for a mistake
            self.linear = nn.Linear(in_channels, len(means))
        nn.init.zeros_(self.linear.weight)
        self.linear.bias.data.copy_(means)

    @property
    def outputs(self) -> int:
        """How many scores there are."""
        return self.linear.out_features

    @property
    def macs(self) -> int:
        return self.linear.weight.numel()

    def forward(self, pooled: Tensor) -> Tensor:
        return self.linear(pooled * self.gain)

    @torch.no_grad()
    def folded(self, norm: nn.BatchNorm1d, threshold: Tensor, sharpness: float) -> nn.Linear:
        """Scores above ``threshold`` times ``sharpness`` in evaluation mode, from inputs that ``norm`` has not yet
        standardised."""
        assert norm.running_mean is not None and norm.running_var is not None
        factor = sharpness * self.gain / torch.sqrt(norm.running_var + norm.eps)
        folded = nn.Linear(self.linear.in_features, self.linear.out_features)
        folded.weight = nn.Parameter(self.linear.weight * factor)
        folded.bias = nn.Parameter(sharpness * (self.linear.bias - threshold) - folded.weight @ norm.running_mean)
        return folded


def layer_nets(blocks: Sequence[ResidualBlock], mean_score: float | None) -> Modules[ScoreNet]:
    """Layer-Nets that start by executing every block for every image.

    Args:
        mean_score: of all blocks, above those of their channels: wherever the threshold is among these, blocks are not
            scaled yet. None: there are no Channel-Nets, whose order would spread the savings. Then blocks, too, are in
            the order of their importance: with equal scores the rising threshold meets all of them at once, and each
            image skips all or nothing (32 % instead of 97 % top-1 on digits).
    """
    if mean_score is None:
        scores = ALONE_SCORE * (1 + block_importance(blocks).argsort().argsort() / len(blocks))
    else:
        scores = torch.full((len(blocks),), mean_score)
    return Modules(ScoreNet(block.in_channels, score[None]) for block, score in zip(blocks, scores))


def channel_nets(blocks: Sequence[ResidualBlock], norms: Iterable[Tensor]) -> Modules[ScoreNet]:
    """One Channel-Net per block; the order of ``norms`` decides the mean scores of its outputs."""
    means = spread_scores(list(norms), block_importance(blocks))
    return Modules(ScoreNet(block.in_channels, mean) for block, mean in zip(blocks, means))


def unordered_channel_nets(blocks: Sequence[ResidualBlock]) -> Modules[ScoreNet]:
    """One Channel-Net per block, whose outputs all have one and the same mean score."""
    means = [torch.full((block.inner_channels,), CHANNEL_SCORE / 2) for block in blocks]
    return Modules(ScoreNet(block.in_channels, mean) for block, mean in zip(blocks, means))


@torch.no_grad()
def inner_activations(block: ResidualBlock) -> Tensor:
    """What each inner channel contributes to the branch by the weights, ``[inner_channels]``.

    Root mean square behind the ReLU, if what enters it is normal with the batch norm's shift and scale, times the norm
    of what reads it.
    """
    norm, reader = block.units[block.gated_unit].norm, block.units[block.gated_unit + 1].conv
    scale = norm.weight.abs().clamp(min=1e-12)
    ratio = norm.bias / scale
    normal = torch.distributions.Normal(torch.zeros_like(ratio), torch.ones_like(ratio))
    mean_square = scale**2 * ((1 + ratio**2) * normal.cdf(ratio) + ratio * normal.log_prob(ratio).exp())
    return mean_square.clamp(min=0).sqrt() * reader.weight.square().sum((0, 2, 3)).sqrt()


ORDERS: dict[str, Callable[[ResidualBlock], Tensor]] = {
    "filters": methodcaller("inner_norms"),
    "activations": inner_activations,
}
"""What can say which of a block's inner channels closes first: the smallest."""


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
