"""What LC-Net minimises: the task's loss, and the distance of the batch's mean MACs from a falling target."""

from __future__ import annotations

from torch import Tensor

from bench.dynamic.method import Step
from bench.dynamic.network import DynamicNetwork

DESCENT = 0.5
"""Share of the training over which the target falls from the dense network's MACs to the operating point."""
WEIGHT = 50.0


class TargetLoss:
    """``task + WEIGHT * (mean fraction - target(progress))^2``.

    The mean over the batch, not each image, is held: images are free to differ. The target falls linearly, so the
    network never loses much at once; afterwards it stays at ``point``.
    """

    def __init__(self, point: float):
        self.point = point

    def target(self, progress: float) -> float:
        """The mean MACs fraction asked for after ``progress`` of the training, from 1 down to ``point``."""
        return 1 - (1 - self.point) * min(1.0, progress / DESCENT)

    def __call__(self, network: DynamicNetwork, step: Step) -> Tensor:
        output = network(step.images)
        miss = network.macs_fraction(output).mean().float() - self.target(step.progress)
        return step.task_loss(output.logits) + WEIGHT * miss.square()
