"""LC-Net: layers and channels chosen for each input (Xia, Yin, Dai, Jha, arXiv 2007.15151), after its abstract.

The paper's loss, initialisation and schedule could not be consulted; what is ours is listed, with reasons, in
``lcnet/README.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, cast

from bench.methods import BACKBONE_WEIGHT_DECAY, Budget, Method, MethodInfo, Stage, joint_groups
from bench.networks import Backbone, DynamicNetwork
from lcnet.objective import PricedLoss
from lcnet.router import LCRouter

PAPER = "Xia, Yin, Dai, Jha, Fully Dynamic Inference with Deep Neural Networks, IEEE TETC 2022, arXiv 2007.15151"


@dataclass(frozen=True)
class LCNet(Method):
    """Layer-Net and Channel-Net together: skip the block, else skip some of its inner channels.

    Attributes:
        layers: whether there are Layer-Nets.
        channels: whether there are Channel-Nets.
        learns: what gates learn: the ``differences`` between images, ``all`` (mean scores too), or ``nothing``: then
            all images are treated alike, and gates are evaluated and counted though they decide nothing.
        price: loss that one more backbone's worth of MACs must be worth to a gate near its threshold.
        image_price: weight of the variance of MACs fractions within a batch; holds each image to the operating point.
        sharpness: a channel's scale is its clamped score times this: few channels are between off and fully on.
        layer_score: mean score of every block beside Channel-Nets.
        order: what says which channel of a block closes first: its ``filters`` or its ``activations``; ``none`` gives
            all channels one mean score.
        start: how far scores of a block differ between images at the start, by the strength of their features.
        router_lr: AdamW's peak learning rate for gates.
        descent: share of the training over which the target falls; None: a tenth from trained weights, else half.
        decay: weight decay of the backbone.
    """

    layers: bool = True
    channels: bool = True
    learns: Literal["differences", "all", "nothing"] = "differences"
    price: float = 2.0
    image_price: float = 0.0
    sharpness: float = 4.0
    layer_score: float = 5.0
    order: Literal["filters", "activations", "none"] = "filters"
    start: float = 0.0
    router_lr: float = 0.003
    descent: float | None = None
    decay: float = BACKBONE_WEIGHT_DECAY

    @property
    def info(self) -> MethodInfo:  # type: ignore[override]
        """What ``bench list methods`` tells: with gates that learn nothing, nothing is decided."""
        if self.learns == "nothing":
            same = "nothing (as LC-Net, the same for all images)"
            return MethodInfo(same, "block input, pooled, in vain", PAPER, 2020)
        decided = [name for name, on in (("layer", self.layers), ("channel", self.channels)) if on]
        return MethodInfo(" and ".join(decided), "block input, pooled", PAPER, 2020)

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone, LCRouter(backbone, self))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        backbone, router = joint_groups(network, budget, self.router_lr)
        backbone = replace(backbone, weight_decay=self.decay)
        groups = {
            "differences": [backbone, replace(router, parameters=cast(LCRouter, network.router).weights())],
            "all": [backbone, router],
            "nothing": [backbone],
        }
        descent = self.descent or (0.1 if budget.pretrained else 0.5)
        loss = PricedLoss(point, descent, self.price, self.image_price)
        return [Stage("joint", budget.epochs, groups[self.learns], loss)]


LNet = partial(LCNet, channels=False)
"""Layer-Net alone."""
CNet = partial(LCNet, layers=False)
"""Channel-Net alone."""
LCNetStatic = partial(LCNet, learns="nothing")
"""LC-Net's control: all of it but the choice for each image.

What LC-Net has over static pruning may come from the order in which its channels close, from scales, from the way to
its operating point. Here all of these are the same: what LC-Net has over *this* is what choosing for each image is
worth.
"""
