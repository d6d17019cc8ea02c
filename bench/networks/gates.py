"""Differentiable gates: exact 0/1 or clipped values forwards, a useful gradient backwards."""

from __future__ import annotations

import torch
from torch import Tensor

REACH = 1.0
"""How far below its threshold a closed gate still learns, and how far from it a gate feels its price."""


class _Clip(torch.autograd.Function):
    """Clamp to [0, 1] whose gradient is the identity from -REACH to 1."""

    @staticmethod
    def forward(ctx, score: Tensor) -> Tensor:
        ctx.save_for_backward(score)
        return score.clamp(0, 1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (score,) = ctx.saved_tensors
        return gradient * ((score > -REACH) & (score < 1))


class _Open(torch.autograd.Function):
    """1 where score > 0; the gradient passes within reach of zero."""

    @staticmethod
    def forward(ctx, score: Tensor) -> Tensor:
        ctx.save_for_backward(score)
        return (score > 0).to(score.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (score,) = ctx.saved_tensors
        return gradient * (score.abs() < REACH)


class _Step(torch.autograd.Function):
    """1 where probability > 0.5; the gradient passes unchanged."""

    @staticmethod
    def forward(ctx, probability: Tensor) -> Tensor:
        return (probability > 0.5).to(probability.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


def relu1(score: Tensor) -> Tensor:
    """``min(max(score, 0), 1)``, with a gradient that survives closing: the identity down to ``-REACH``.

    A plain clamp has none below zero, so a gate that once closed for an image could never be asked to open again. Both
    directions pass or neither does: letting through only what points back inside turns the noise of the gradient into
    a drift, and open gates slide to their threshold for no reason.
    """
    return _Clip.apply(score)


def is_open(score: Tensor) -> Tensor:
    """1 where ``score > 0``, else 0; the gradient is the identity while the score is within ``REACH`` of zero."""
    return _Open.apply(score)


def straight_through(probability: Tensor) -> Tensor:
    """Hard threshold at 0.5 with the identity as gradient (Bengio et al., arXiv 1308.3432)."""
    return _Step.apply(probability)
