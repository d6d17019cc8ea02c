"""How much blocks and channels of a trained backbone matter, read off its weights alone: an order to start from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.backbones.residual import ResidualBlock, require_ungrouped


@torch.no_grad()
def block_importance(blocks: Sequence[ResidualBlock]) -> Tensor:
    """How much each block adds to the features, ``[blocks]``, read off the weights alone.

    Root mean square of the branch behind its last batch norm. The first block and those that change the resolution come
    before all others: what they compute, no later block makes up for.
    """
    norms = [block.units[-1].norm for block in blocks]
    strength = [(norm.weight.square() + norm.bias.square()).mean().sqrt() for norm in norms]
    essential = [index == 0 or not isinstance(block.shortcut, nn.Identity) for index, block in enumerate(blocks)]
    return torch.stack(strength) + torch.tensor(essential) * sum(strength)


@torch.no_grad()
def channel_importance(block: ResidualBlock) -> Tensor:
    """How much each inner channel contributes to the branch, ``[inner_channels]``, read off the weights alone.

    Root mean square of the channel after batch norm and ReLU, if what enters the ReLU is normal with the batch norm's
    shift and scale, times the norm of the weights that read it.
    """
    norm, reader = block.units[block.gated_unit].norm, block.units[block.gated_unit + 1].conv
    require_ungrouped(block.units[block.gated_unit].conv)
    scale = norm.weight.abs().clamp(min=1e-12)
    ratio = norm.bias / scale
    normal = torch.distributions.Normal(torch.zeros_like(ratio), torch.ones_like(ratio))
    mean_square = scale**2 * ((1 + ratio**2) * normal.cdf(ratio) + ratio * normal.log_prob(ratio).exp())
    return mean_square.clamp(min=0).sqrt() * _input_norms(reader)


def _input_norms(conv: nn.Conv2d) -> Tensor:
    """Norm of the weights behind each input channel; with groups an input is read by its own group alone."""
    per_group = conv.weight.square().sum((2, 3)).unflatten(0, (conv.groups, -1)).sum(1)
    return per_group.flatten().sqrt()
