"""LC-Net: layers and channels chosen for each input (Xia, Yin, Dai, Jha, arXiv 2007.15151), after its abstract.

The paper's loss, initialisation and schedule could not be consulted; what is ours is listed, with reasons, in
``lcnet/README.md``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from bench.methods.interface import Budget, Method, MethodInfo, Stage, joint_groups
from bench.networks.blocks import Backbone
from bench.networks.network import DynamicNetwork
from lcnet.objective import PricedLoss
from lcnet.router import LCRouter

PAPER = "Xia, Yin, Dai, Jha, Fully Dynamic Inference with Deep Neural Networks, IEEE TETC 2022, arXiv 2007.15151"
ROUTER_LR = 0.003


class LCNet(Method):
    """Layer-Net and Channel-Net together: skip the block, else skip some of its inner channels."""

    info = MethodInfo("layer and channel", "block input, pooled", PAPER, 2020)
    layers: ClassVar[bool] = True
    channels: ClassVar[bool] = True

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone, LCRouter(backbone, layers=self.layers, channels=self.channels))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        backbone, router = joint_groups(network, budget, ROUTER_LR)
        groups = [backbone, replace(router, parameters=network.router.weights())]
        return [Stage("joint", budget.epochs, groups, PricedLoss(point, budget.pretrained))]


class LNet(LCNet):
    """Layer-Net alone."""

    info = MethodInfo("layer", "block input, pooled", PAPER, 2020)
    channels = False


class CNet(LCNet):
    """Channel-Net alone."""

    info = MethodInfo("channel", "block input, pooled", PAPER, 2020)
    layers = False
