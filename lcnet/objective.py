"""What LC-Net minimises: the task's loss, and the distance of the batch's mean MACs from a falling target."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from bench.dynamic.method import Step
from bench.dynamic.network import DynamicNetwork
from bench.dynamic.objective import falling_target, target_penalty


def target_loss(point: float) -> Callable[[DynamicNetwork, Step], Tensor]:
    """``task + weight * (mean MACs fraction - target)^2``, the target falling from 1 to ``point``, the weight rising.

    The mean over the batch is held, not each image: images are free to differ. Since the target falls slowly the
    network never loses much at once.
    """

    def loss(network: DynamicNetwork, step: Step) -> Tensor:
        output = network(step.images)
        target = falling_target(point, step.progress)
        return step.task_loss(output.logits) + target_penalty(network, output, target, step.progress)

    return loss
