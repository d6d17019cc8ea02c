"""Blocks of transformers at some tokens of each image alone."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.execution.skipping.block import MaskedBlock
from bench.execution.skipping.module import ModuleBlock
from bench.execution.skipping.width import FULL
from bench.networks.backbones.traced.layout import Layout

TOKENS = Layout("tokens")


def at_tokens(block: MaskedBlock | ModuleBlock, x: Tensor, kept: Tensor) -> Tensor:
    """The output of ``block`` for ``x`` ``[N, C, T, 1]`` where its branch reads and changes the tokens ``kept`` alone.

    The others are left out: images that keep equally many, ``[N, T]``, are gathered and run together. May overwrite
    ``x``.
    """
    features = TOKENS.from_maps(x)
    counts = kept.sum(1).int().tolist()  # the one time in a block that an accelerator is waited for
    if min(counts) == kept.shape[1]:
        return block.run(x, None, FULL, [])
    for count in sorted({*counts} - {0}):
        rows = torch.tensor([row for row, one in enumerate(counts) if one == count], device=x.device)
        place = rows[:, None], kept[rows].nonzero()[:, 1].view(-1, count)
        features[place] = TOKENS.from_maps(block.run(TOKENS.to_maps(features[place]), None, FULL, []))
    return TOKENS.to_maps(features)
