"""LC-Net's control: all of it but the choice for each image.

What LC-Net has over static pruning may come from the order in which its channels close, from scales, from the way to
its operating point. Here all of these are the same, and gates learn nothing: what LC-Net has over *this* is what
choosing for each image is worth.
"""

from __future__ import annotations

from dataclasses import replace

from bench.methods.interface import Budget, MethodInfo, Stage
from bench.networks.network import DynamicNetwork
from lcnet.method import PAPER, LCNet


class LCNetStatic(LCNet):
    """LC-Net whose gates keep their mean scores and learn no differences, so that all images are treated alike.

    Its gates are evaluated and counted like LC-Net's, though they decide nothing.
    """

    info = MethodInfo("nothing (as LC-Net, the same for all images)", "block input, pooled, in vain", PAPER, 2020)

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        (stage,) = super().stages(network, point, budget)
        backbone, _ = stage.groups
        return [replace(stage, groups=[backbone])]
