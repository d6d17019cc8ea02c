"""Samples taken out of a batch and put back, in the memory layout that convolutions want."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.execution.skipping.layout import layout


def positions(rows: np.ndarray, x: Tensor) -> Tensor:
    """``rows`` as :func:`gather` and :func:`put_back` want them for ``x``, on its device."""
    return torch.from_numpy(rows).to(x.device)


def gather(x: Tensor, rows: Tensor) -> Tensor:
    """The samples ``rows`` of ``x`` ``[N, C, H, W]``, in the layout of their device.

    Channels last, they are selected from whole rows of memory: of four dimensions ``index_select`` makes a tensor with
    channels first, which every convolution behind it would have to reorder.
    """
    if layout(x.device) is torch.contiguous_format:
        return x.index_select(0, rows)
    _, channels, height, width = x.shape
    flat = x.permute(0, 2, 3, 1).reshape(len(x), -1)
    return flat.index_select(0, rows).view(len(rows), height, width, channels).permute(0, 3, 1, 2)


def put_back(x: Tensor, rows: Tensor, values: Tensor) -> None:
    """Writes ``values`` over the samples ``rows`` of ``x``."""
    if x.is_cuda:
        x.index_copy_(0, rows, values)
        return
    # On a CPU a copy for each sample takes a third of the time of one indexed copy.
    slots = x.unbind(0)
    for row, value in zip(rows.tolist(), values.unbind(0)):
        slots[row].copy_(value)
