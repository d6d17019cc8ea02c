"""Convolutions at some positions of their output alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.execution.skipping.convolution import Constant, Convolution


def at_positions(convolution: Convolution, x: Tensor, mask: Tensor) -> Tensor:
    """``convolution(x)`` where ``mask`` ``[N, 1, H, W]`` is not 0, and zeros elsewhere: ``[N, C, H, W]``.

    What the kernel covers is gathered for these positions of all samples, multiplied in one matrix product, and
    scattered. Nothing else is multiplied.
    """
    if isinstance(convolution, Constant):
        return convolution(x) * mask
    place = mask.flatten().nonzero().flatten()
    rows = torch.addmm(convolution.bias, _patches(convolution.like, x, mask, place), convolution.matrix)
    if convolution.activation:
        rows = torch.relu_(rows)
    count, _, height, width = mask.shape
    y = rows.new_zeros(count * height * width, rows.shape[1])
    y[place] = rows
    return y.view(count, height, width, -1).permute(0, 3, 1, 2)


def _patches(conv: nn.Conv2d, x: Tensor, mask: Tensor, place: Tensor) -> Tensor:
    """What ``conv`` reads for the outputs at ``place``, indices into all of ``mask``: ``[P, kernel * C_in]``."""
    assert not isinstance(conv.padding, str)
    (above, left), (down, right), (rows, columns) = conv.padding, conv.stride, conv.dilation
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, left, left, above, above))
    _, height, width, channels = padded.shape
    outputs, across = mask.shape[2] * mask.shape[3], mask.shape[3]
    first = place // outputs * (height * width) + place % outputs // across * down * width + place % across * right
    taps = [i * rows * width + j * columns for i in range(conv.kernel_size[0]) for j in range(conv.kernel_size[1])]
    read = first[:, None] + torch.tensor(taps, device=x.device)
    return padded.reshape(-1, channels)[read].flatten(1)
