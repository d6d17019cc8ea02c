"""Bounds on the share of each block that a batch computes: tight at first, then released.

Verelst, Tuytelaars, Dynamic Convolutions, CVPR 2020 (arXiv 1912.03203), and Li et al., Dynamic Dual Gating (DGNet),
ICCV 2021, hold every block near one density at the start and let go of them during a third of the
training. Otherwise a gate that closes for all images early on learns nothing more. Their networks begin at the
operating point; ours begin dense and fall to it, so blocks are held to the mean density of all blocks in the batch,
wherever it is by then. Any gated method can have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from bench.methods.interface import Stage, TrainingBatch
from bench.networks.decisions import Output
from bench.networks.network import DynamicNetwork

RELEASED = 1 / 3
"""Share of a stage behind which bounds hold nothing any more."""


def bounded(stage: Stage, weight: float) -> Stage:
    """``stage`` with bounds of this weight added to its loss; itself where that is 0."""
    return replace(stage, loss=BoundedLoss(stage.loss, weight)) if weight else stage


class BoundedLoss:
    """A stage's loss and what its blocks are beyond their bounds; nothing of passes through parts of a network."""

    def __init__(self, loss: Callable[[DynamicNetwork, TrainingBatch], Tensor], weight: float):
        self.loss, self.weight = loss, weight

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        outputs: list[Output] = []
        with network.register_forward_hook(lambda module, inputs, output: outputs.append(output)):
            loss = self.loss(network, step)
        seen = [output for output in outputs if output.logits.requires_grad]
        return loss + self.weight * beyond_bounds(seen[-1], step.progress) if seen else loss


def beyond_bounds(output: Output, progress: float) -> Tensor:
    """Mean over blocks of the squared distance of their densities from bounds around the mean of all.

    With ``held`` falling from 1 to 0 as a squared cosine, blocks may lie from ``held * mean`` up to
    ``1 - held * (1 - mean)``.
    """
    held = math.cos(math.pi / 2 * min(1.0, progress / RELEASED)) ** 2
    density = torch.stack([decision.kept_fraction.mean().float() for decision in output.decisions])
    return beyond(density, density.detach().mean(), held)


def beyond(density: Tensor, centre: Tensor | float, held: float) -> Tensor:
    """Mean squared distance of densities ``[blocks]`` from bounds around ``centre``; ``held`` 1: all must be there."""
    above, below = density - (1 - held * (1 - centre)), held * centre - density
    return (above.relu().square() + below.relu().square()).mean()
