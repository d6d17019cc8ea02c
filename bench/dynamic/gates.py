"""Differentiable gates: exact 0/1 or clipped values forwards, a useful gradient backwards."""

from __future__ import annotations

import torch
from torch import Tensor


REACH = 1.0
"""How far from its threshold a closed gate still gets gradients, and an open one still feels its price."""


class _Clip(torch.autograd.Function):
    """Clamp to [0, 1] that lets a gradient through wherever it points back inside, unless the score is out of reach."""

    @staticmethod
    def forward(ctx, score: Tensor) -> Tensor:
        ctx.save_for_backward(score)
        return score.clamp(0, 1)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (score,) = ctx.saved_tensors
        # Descent moves the score by -gradient: below 0 only upward moves count, above 1 only downward ones.
        stuck = ((score < 0) & (gradient > 0)) | ((score > 1) & (gradient < 0)) | (score < -REACH)
        return gradient.masked_fill(stuck, 0)


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
    """``min(max(score, 0), 1)``, with a gradient that survives outside the interval.

    A plain clamp has none there, so a gate that once closed for an image could never be asked to open again. Here
    the gradient is dropped only where following it would leave the interval further behind, and below ``-REACH``.
    """
    return _Clip.apply(score)


def is_open(score: Tensor) -> Tensor:
    """1 where ``score > 0``, else 0; the gradient is the identity while the score is within ``REACH`` of zero."""
    return _Open.apply(score)


def straight_through(probability: Tensor) -> Tensor:
    """Hard threshold at 0.5 with the identity as gradient (Bengio et al., arXiv 1308.3432)."""
    return _Step.apply(probability)
