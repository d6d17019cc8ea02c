"""LC-Net whose gates are taught which images need more: by labels, or by what more MACs are worth to each image.

None of it is in the LC-Net paper. With every option off the method is LC-Net. It exists to find out whether gates
decide badly because the task's gradient tells them too little: ``results/why-gates``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from bench.methods import TrainingBatch
from bench.networks import Backbone, DynamicNetwork
from bench.networks.decisions import LayerDecision
from lcnet.conditional import ConditionalRouter, standardised
from lcnet.informed import InformedLoss, InformedRouter, LCNetInformed
from lcnet.labels import is_wrong, label_loss


@dataclass(frozen=True)
class LCNetTaught(LCNetInformed):
    """LC-Net whose gates are told which images need more.

    Attributes:
        labels: weight of labels for gates: whether a narrower path of the network is wrong about the image. The scores
            of such an image shall lie higher, those of others lower (as Li et al., Dynamic Slimmable Network, CVPR
            2021, arXiv 2103.13258, teach their gates; so do Adaptive Computation Modules, arXiv 2312.10193). They
            reach gates alone. They are means over blocks and scores, so that a weight of 1 is little beside the task's
            loss, where that reaches a score at all: near the threshold.
        narrower: how much higher the threshold of the narrow path is; at 0.5 each block has an eighth of its channels
            less. That path is not trained; at 0 it is the network's own.
        worth: how much cheaper MACs are for images to which they are worth more: the price of an image falls by this
            for each standard deviation, within the batch, of the gradient of its loss along its threshold.
    """

    labels: float = 0.0
    narrower: float = 0.5
    worth: float = 0.0

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone, TaughtRouter(backbone, self))

    def loss(self, point: float, descent: float) -> TaughtLoss:
        return TaughtLoss(self, point, descent)


class TaughtRouter(InformedRouter):
    """As :class:`InformedRouter`; in training it remembers what gates are taught by.

    Attributes:
        leanings: how far the scores of each block's gates lie above their mean scores, in the mean: ``[N]`` each.
        raised: zeros ``[N]`` that are added to the thresholds of the images, so that losses have a gradient along them;
            None where no price asks for it.
    """

    def __init__(self, backbone: Backbone, choices: LCNetTaught):
        super().__init__(backbone, choices)
        self.has_labels, self.has_worth = bool(choices.labels), bool(choices.worth)
        self.leanings: list[Tensor] = []
        self.raised: Tensor | None = None

    def start(self, images: Tensor) -> None:
        super().start(images)
        self.leanings = []
        is_watched = self.training and self.has_worth
        self.raised = torch.zeros(len(images), device=images.device, requires_grad=True) if is_watched else None

    def threshold_for(self, index: int, features: Tensor) -> Tensor:
        threshold = super().threshold_for(index, features)
        return threshold if self.raised is None else threshold + self.raised

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        if self.training and self.has_labels:
            self.leanings.append(self._leaning(index, features))
        return super().decide_layer(index, features, state)

    def _leaning(self, index: int, features: Tensor) -> Tensor:
        nets = [nets[index] for nets in (self.layer_nets, self.channel_nets) if nets is not None]
        return torch.stack([(features * net.gain) @ net.linear.weight.mean(0) for net in nets if net.outputs]).mean(0)


@dataclass(frozen=True)
class TaughtLoss(InformedLoss):
    """Adds the labels of gates, and prices by what MACs are worth."""

    def _needs(self, router: ConditionalRouter, losses: Tensor) -> Tensor:
        needs, raised = super()._needs(router, losses), cast(TaughtRouter, router).raised
        if raised is None:
            return needs
        (slopes,) = torch.autograd.grad(losses.sum(), raised, retain_graph=True)
        return needs + cast(LCNetTaught, self.choices).worth * standardised(slopes)

    def _of_answers(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        loss, leanings = super()._of_answers(network, step), cast(TaughtRouter, network.router).leanings
        if not leanings:
            return loss
        choices = cast(LCNetTaught, self.choices)
        labels = narrow_is_wrong(network, step, choices.narrower)
        return loss + choices.labels * label_loss(torch.stack(leanings), labels)


def narrow_is_wrong(network: DynamicNetwork, step: TrainingBatch, narrower: float) -> Tensor:
    """Whether a narrower path of the network, as it is used, answers each image wrongly: ``[N]``, 0 or 1."""
    router = cast(TaughtRouter, network.router)
    threshold = router.threshold
    router.threshold = threshold + narrower
    wrong = is_wrong(network, step)
    router.threshold = threshold
    return wrong
