"""The task's loss, the same for every method of a comparison, and the check that it is a number."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.errors import BadInput
from bench.recipe import Recipe

TEMPERATURE = 4.0
"""Of the dense network's softened outputs in distillation."""
EXPLODED = 1000.0
"""Times the loss that a stage began with (or 1, where that is more): no training comes back from there."""


def make_sample_loss(
    images: Tensor, labels: Tensor, recipe: Recipe, teacher: nn.Module | None
) -> Callable[[Tensor], Tensor]:
    """The loss of each sample from its logits: cross-entropy, mixed with distillation where there is a teacher.

    Args:
        images: normalised, ``[N, 3, H, W]``; the teacher sees them once, here.
        labels: ``[N]``.

    Returns:
        A function of logits ``[N, classes]`` to losses ``[N]``.
    """
    weight = 0.0 if teacher is None else recipe.distillation
    if weight and teacher is not None:
        with torch.no_grad():
            soft = F.softmax(teacher(images).float() / TEMPERATURE, 1)

    def loss(logits: Tensor) -> Tensor:
        logits = logits.float()
        hard = F.cross_entropy(logits, labels, reduction="none", label_smoothing=recipe.label_smoothing)
        if not weight:
            return hard
        log_probabilities = F.log_softmax(logits / TEMPERATURE, 1)
        divergence = F.kl_div(log_probabilities, soft, reduction="none").sum(1) * TEMPERATURE**2
        return (1 - weight) * hard + weight * divergence

    return loss


def require_finite_loss(loss: float, first: float, where: str) -> None:
    """Raises BadInput where the loss of a step is no number, or ``EXPLODED`` times the ``first`` of its stage."""
    if not math.isfinite(loss):
        raise BadInput(f"the loss became {loss} in {where}")
    if abs(loss) > EXPLODED * max(1.0, abs(first)):
        raise BadInput(f"the loss exploded from {first:.3g} to {loss:.3g} in {where}")
