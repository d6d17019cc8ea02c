"""Landing on an operating point: what methods without a published way to do so share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from bench.networks.decisions import Output
from bench.networks.network import DynamicNetwork

DESCENT = 0.5
"""Share of the training over which a target falls from the dense network's MACs to the operating point."""
FIRST_WEIGHT, LAST_WEIGHT = 50.0, 500.0
"""Weight of missing the target at the start and at the end of the training; geometric in between."""


Target = TypeVar("Target", float, Tensor)


def falling_target(point: Target, progress: float, start: float = 1.0) -> Target:
    """The mean MACs fraction asked for after ``progress`` of the training: linearly from ``start`` to ``point``."""
    return start + (point - start) * min(1.0, progress / DESCENT)


def target_penalty(network: DynamicNetwork, output: Output, target: float, progress: float) -> Tensor:
    """``weight * (batch mean of the MACs fraction - target)^2``; single images are free to differ.

    The weight rises with ``progress``: early on gates may lag behind a moving target, in the end the task's loss must
    not hold the network away from it.
    """
    weight = FIRST_WEIGHT * (LAST_WEIGHT / FIRST_WEIGHT) ** progress
    return weight * (network.macs_fraction(output).mean().float() - target).square()


def nearest_step(fraction: Callable[[int], float], low: int, high: int, point: float) -> int:
    """The step in [low, high] whose MACs fraction, which rises with the step, is nearest to ``point``."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fraction(middle) <= point else (low, middle)
    return min((low, high), key=lambda step: abs(fraction(step) - point))
