"""Optimisers of a stage, and the schedule of their learning rates."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from bench.methods.interface import ParameterGroup, Stage

REFERENCE_BATCH = 128
"""Batch size that SGD learning rates are given for."""


def make_optimisers(network: nn.Module, stage: Stage, batch_size: int) -> list[torch.optim.Optimizer]:
    """One optimiser per group of ``stage``; everything that no group names is frozen."""
    network.requires_grad_(False)
    optimisers = []
    for group in stage.groups:
        for parameter in group.parameters:
            parameter.requires_grad_(True)
        optimiser = _make_optimiser(group, batch_size)
        optimiser.param_groups[0]["peak_lr"] = optimiser.param_groups[0]["lr"]
        optimisers.append(optimiser)
    return optimisers


def _make_optimiser(group: ParameterGroup, batch_size: int) -> torch.optim.Optimizer:
    if group.optimiser == "adamw":
        return torch.optim.AdamW(group.parameters, group.lr, weight_decay=group.weight_decay)
    # Linear scaling with the batch (Goyal et al., arXiv 1706.02677).
    lr = group.lr * batch_size / REFERENCE_BATCH
    return torch.optim.SGD(group.parameters, lr, momentum=0.9, nesterov=True, weight_decay=group.weight_decay)


def prepare_step(optimisers: Iterable[torch.optim.Optimizer], done: float, warmup: float) -> None:
    """Sets the learning rates for the next step and forgets the gradients of the last one.

    Args:
        done: share of the stage that is done.
        warmup: share of the stage over which the rate rises linearly; a cosine descent to zero follows.
    """
    for optimiser in optimisers:
        settings = optimiser.param_groups[0]
        settings["lr"] = settings["peak_lr"] * learning_rate_factor(done, warmup)
        optimiser.zero_grad(set_to_none=True)


def learning_rate_factor(done: float, warmup: float) -> float:
    """Share of the peak rate: a linear rise over ``warmup``, then a cosine descent to zero."""
    if done < warmup:
        return (done + 1e-3) / (warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))
