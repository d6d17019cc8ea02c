"""LC-Net's loss: how gates learn which images deserve an open one, and how the operating point is met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from bench.methods import TrainingBatch
from bench.networks import DynamicNetwork

RATE = 0.3
"""Rise of the threshold per step and unit of MACs fraction above the target."""


@dataclass(frozen=True)
class PricedLoss:
    """``task + price * mean MACs fraction``; the threshold common to all gates follows a falling target.

    The price makes images compete: for an image to which a gate near the threshold is worth less than it costs, its
    score sinks, for others it rises. How many stay open is not left to that balance: after every step the threshold
    moves by ``RATE`` times the distance of the batch's mean MACs from the target, which falls from the dense network's
    to ``point``. The mean over the batch is held, not each image: images are free to differ, unless ``image_price``
    weighs the variance of their MACs fractions.

    Attributes:
        descent: share of the training over which the target falls. A trained network needs time to recover behind it,
            an untrained one needs to learn first what matters.
    """

    point: float
    descent: float
    price: float = 2.0
    image_price: float = 0.0

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        output = network(step.images)
        fractions = network.macs_fraction(output)
        target = 1 + (self.point - 1) * min(1.0, step.progress / self.descent)
        # Replaced, not changed: the backward pass of a compiled network may still need the old one.
        router: Any = network.router
        router.threshold = router.threshold + RATE * (fractions.detach().mean().float() - target)
        loss = step.task_loss(output.logits) + self.price * fractions.mean().float()
        return loss + self.image_price * fractions.float().var(unbiased=False) if self.image_price else loss
