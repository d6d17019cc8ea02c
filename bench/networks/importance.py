"""How much blocks and channels of a trained backbone matter, read off its weights alone: an order to start from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.networks.blocks import ConvUnit, ResidualBlock


@torch.no_grad()
def block_importance(blocks: Sequence[ResidualBlock]) -> Tensor:
    """How much each block adds to the features, ``[blocks]``, read off the weights alone.

    Root mean square of the branch behind its last batch norm. The first block and those that change the resolution come
    before all others: what they compute, no later block makes up for.
    """
    strength = [block.strength() for block in blocks]
    essential = [index == 0 or not isinstance(block.shortcut, nn.Identity) for index, block in enumerate(blocks)]
    return torch.stack(strength) + torch.tensor(essential) * sum(strength)


@torch.no_grad()
def filter_norms(unit: ConvUnit) -> Tensor:
    """Sum of absolute weights of each filter, ``[C_out]`` (Li et al., arXiv 1608.08710, section 3.1)."""
    return unit.conv.weight.abs().sum((1, 2, 3))
