"""Samples taken out of a batch and put back, in the memory layout that convolutions want."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gather(x: Tensor, rows: Sequence[int]) -> Tensor:
    """The samples ``rows`` of ``x`` ``[N, C, H, W]``, channels last in memory.

    Selected from whole rows of memory: of four dimensions ``index_select`` makes a tensor with channels first, which
    every convolution behind it would have to reorder.
    """
    _, channels, height, width = x.shape
    flat = x.permute(0, 2, 3, 1).reshape(len(x), -1)
    chosen = flat.index_select(0, torch.tensor(rows, device=x.device))
    return chosen.view(len(rows), height, width, channels).permute(0, 3, 1, 2)


def put_back(x: Tensor, rows: Sequence[int], values: Tensor) -> None:
    """Writes ``values`` over the samples ``rows`` of ``x``."""
    if x.is_cuda:
        x.index_copy_(0, torch.tensor(rows, device=x.device), values)
        return
    # On a CPU a copy for each sample takes a third of the time of one indexed copy.
    slots = x.unbind(0)
    for row, value in zip(rows, values.unbind(0)):
        slots[row].copy_(value)
