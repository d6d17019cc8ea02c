"""Layer-Net and Channel-Net: one fully connected layer each, on the pooled input of a block."""

from __future__ import annotations

import math

from torch import Tensor, nn

INITIAL_SPREAD = 0.3


class ScoreNet(nn.Module):
    """Pooled block inputs ``[N, C_in]`` to scores ``[N, outputs]``; a score of zero or less means *skip*.

    Scores start around 1 (everything open, scale 1) and differ between images by ``INITIAL_SPREAD`` from the first
    step on, so that no two images are bound to the same path.
    """

    def __init__(self, in_channels: int, outputs: int):
        super().__init__()
        self.linear = nn.Linear(in_channels, outputs)
        nn.init.normal_(self.linear.weight, std=INITIAL_SPREAD / math.sqrt(in_channels))
        nn.init.ones_(self.linear.bias)

    @property
    def macs(self) -> int:
        return self.linear.weight.numel()

    def forward(self, pooled: Tensor) -> Tensor:
        return self.linear(pooled)
