"""LC-Net without a choice for each image: all images take one path, and scales alone differ from image to image.

As Squeeze-and-Excitation does (Hu, Shen, Sun, CVPR 2018, arXiv 1709.01507), on a network that lost the same channels
for all images. Ours, not the LC-Net paper's: it tells what scales are worth where decisions are worth nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bench.methods import MethodInfo
from bench.networks import Backbone, DynamicNetwork, FoldedGates
from bench.networks.decisions import ChannelDecision, LayerDecision
from bench.networks.gates import is_open, relu1
from lcnet.gates import ScoreNet
from lcnet.method import PAPER, LCNet
from lcnet.router import LCRouter


@dataclass(frozen=True)
class LCNetScaled(LCNet):
    """LC-Net's control, whose gates scale what is kept for each image."""

    @property
    def info(self) -> MethodInfo:  # type: ignore[override]
        """What ``bench list methods`` tells: nothing is decided."""
        return MethodInfo("nothing (scales for each image)", "block input, pooled", PAPER, 2020)

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone, ScaledRouter(backbone, self))


class ScaledRouter(LCRouter):
    """As :class:`LCRouter`, but mean scores decide; scores above or below them scale by up to 2 and down to 0."""

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        if self.layer_nets is None:
            return LayerDecision.always(features)
        kept, scale = self._scaled(self.layer_nets[index], features, 1.0)
        return LayerDecision(kept.squeeze(1), scale.squeeze(1))

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision | None:
        if self.channel_nets is None or not self.channel_nets[index].outputs:
            return None
        return ChannelDecision(*self._scaled(self.channel_nets[index], features, self.choices.sharpness))

    def _scaled(self, net: ScoreNet, features: Tensor, sharpness: float) -> tuple[Tensor, Tensor]:
        """What is kept, and its scales, ``[N, outputs]``."""
        score = sharpness * (net.linear.bias - self.threshold).expand(len(features), -1)
        above = net(features) - net.linear.bias.detach()
        return is_open(score), relu1(score) * 2 * torch.sigmoid(above)

    def folded_gates(self, index: int) -> FoldedGates | None:  # type: ignore[override]
        return super(LCRouter, self).folded_gates(index)  # none: a sigmoid is not linear
