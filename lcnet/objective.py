"""How LC-Net learns which images deserve an open gate, and how it lands on its operating point."""

from __future__ import annotations

from torch import Tensor

from bench.methods.interface import Step
from bench.networks.network import DynamicNetwork

PRICE = 2.0
"""Loss that one more backbone's worth of MACs must be worth to a gate near its threshold."""
DESCENT = {True: 0.1, False: 0.5}
"""Share of the training over which the target falls from the dense network's MACs to the operating point. A trained
network (True) needs time to recover behind it, an untrained one needs to learn first what matters."""
RATE = 0.3
"""Rise of the threshold per step and unit of MACs fraction above the target."""


class PricedLoss:
    """``task + PRICE * mean MACs fraction``; the threshold common to all gates follows a falling target.

    The price makes images compete: for an image to which a gate near the threshold is worth less than it costs, its
    score sinks, for others it rises. How many stay open is not left to that balance: after every step the threshold
    moves by ``RATE`` times the distance of the batch's mean MACs from the target, which falls from the dense network's
    to ``point``. The mean over the batch is held, not each image: images are free to differ.
    """

    def __init__(self, point: float, pretrained: bool):
        self.point, self.descent = point, DESCENT[pretrained]

    def __call__(self, network: DynamicNetwork, step: Step) -> Tensor:
        output = network(step.images)
        fractions = network.macs_fraction(output)
        target = 1 + (self.point - 1) * min(1.0, step.progress / self.descent)
        # Replaced, not changed: the backward pass of a compiled network may still need the old one.
        network.router.threshold = network.router.threshold + RATE * (fractions.detach().mean().float() - target)
        return step.task_loss(output.logits) + self.price(fractions)

    def price(self, fractions: Tensor) -> Tensor:
        """What the images' MACs fractions ``[N]`` add to the loss."""
        return PRICE * fractions.mean().float()
