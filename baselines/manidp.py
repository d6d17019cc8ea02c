"""Dynamic pruning along the manifold of images, ManiDP (Tang et al., CVPR 2021, arXiv 2103.05861).

Each gate predicts from pooled features how salient every channel will be (a hidden layer, ReLU, and a ReLU behind it).
A channel is computed for an image where its saliency reaches a threshold, and multiplied by it. The threshold is that
of the data set, not of the image: it keeps a share of the channels in the mean, so images differ in how many they keep.
Two losses shape saliencies. They are pressed towards zero, for easy images alone: those whose loss is below half of the
mean. And they shall be as alike between two images as the features are that they were predicted from.

The public code gates both convolutions of a block, cannot be parsed as it lies there, counts no cost and has no
straight-through estimator: only channels that are kept learn. Here, too, they learn alone. What is ours:

- inner channels alone are gated, since the residual sum stays at full width: an equal saving closes more of them;
- the kept share follows the mean MACs, whose target falls by the paper's cosine; means of saliencies are running ones,
  where the paper ranks them behind each epoch;
- pooled features are detached, and the mean loss is a running one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.methods import Budget, Method, MethodInfo, Reported, Stage, TrainingBatch, joint_groups
from bench.networks import Backbone, ChannelDecision, DynamicNetwork, GateCost, Router
from bench.networks.blocks import require_channels
from bench.networks.modules import Modules

LARGEST = 1000.0
"""Saliencies are clamped there, as in the public code."""
_TABLE = "Tang et al., ManiDP, CVPR 2021, table 4: its error and share of FLOPs cut, applied to our dense count"


@dataclass(frozen=True)
class ManiDP(Method):
    """Channels above a threshold of the data set.

    Attributes:
        hidden: width of a gate's hidden layer, of its input's.
        pressure: weight of the saliencies of easy images; the public script's.
        likeness: weight of the difference between likenesses of saliencies and of features; the public script's.
        easy: an image is easy whose loss is below so much of the mean.
        descent: share of the training over which the target falls by a cosine; the paper: all of it.
        memory: share of the old value in running means; ours.
        follow: change of the kept share per step and unit of MACs fraction missed; ours.
        gate_lr: AdamW's peak rate; ours, the paper trains all at 0.05 with SGD for 400 epochs.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="channel",
        looks_at="block input, pooled",
        paper="Tang et al., Manifold Regularized Dynamic Network Pruning, CVPR 2021, arXiv 2103.05861",
        year=2021,
        reported=(
            Reported("cifar10", "resnet20", 92.05, 40_551_040 * 0.458, _TABLE),
            Reported("cifar10", "resnet32", 92.15, 68_862_592 * 0.368, _TABLE),
            Reported("cifar10", "resnet56", 93.64, 125_485_696 * 0.376, _TABLE),
        ),
    )
    hidden: float = 0.5
    pressure: float = 0.005
    likeness: float = 1.0
    easy: float = 0.5
    descent: float = 0.8
    memory: float = 0.95
    follow: float = 0.1
    gate_lr: float = 0.003

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone, ManifoldRouter(backbone, self))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        groups = joint_groups(network, budget, self.gate_lr)
        return [Stage("joint", budget.epochs, groups, ManifoldLoss(self, point))]


class SaliencyNet(nn.Module):
    """Pooled block inputs ``[N, C]`` to the saliencies of the inner channels ``[N, inner]``, zero or more.

    Remembers their running ``mean`` over images, ``[inner]``.
    """

    mean: Tensor

    def __init__(self, channels: int, inner: int, share: float):
        super().__init__()
        self.hidden = nn.Linear(channels, max(1, round(share * channels)))
        self.output = nn.Linear(self.hidden.out_features, inner)
        nn.init.trunc_normal_(self.output.weight, std=0.05)  # saliencies start near 1: the network is the dense one
        nn.init.ones_(self.output.bias)
        self.register_buffer("mean", torch.ones(inner))

    @property
    def macs(self) -> int:
        return self.hidden.weight.numel() + self.output.weight.numel()

    def forward(self, pooled: Tensor) -> Tensor:
        return torch.relu(self.output(torch.relu(self.hidden(pooled)))).clamp(max=LARGEST)


class ManifoldRouter(Router):
    """One gate per block, open from its block's threshold on.

    A training pass remembers saliencies ``[N, inner]`` and pooled features ``[N, C]`` of every block.
    """

    thresholds: Tensor
    share: Tensor
    mean_loss: Tensor

    def __init__(self, backbone: Backbone, choices: ManiDP):
        require_channels(backbone)
        super().__init__(len(backbone.blocks))
        blocks = backbone.blocks
        self.gates = Modules(SaliencyNet(block.in_channels, block.inner_channels, choices.hidden) for block in blocks)
        self.register_buffer("thresholds", torch.zeros(self.blocks))
        self.register_buffer("share", torch.ones(()))
        self.register_buffer("mean_loss", torch.zeros(()))

    def start(self, images: Tensor) -> list[tuple[Tensor, Tensor]]:
        return []

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        return x.mean((2, 3)).detach()

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision:
        saliency = self.gates[index](features)
        if self.training:
            state.append((saliency, features))
        kept = ((saliency >= self.thresholds[index]) & (saliency > 0)).to(saliency.dtype)
        return ChannelDecision(kept, kept * saliency)

    # Buffers are replaced, not changed: the backward pass of a compiled network may still need the old ones.
    def follow(self, missed: Tensor, seen: Sequence[Tensor], choices: ManiDP) -> None:
        """Moves the kept share by what the MACs ``missed`` of their target, and with it the thresholds."""
        self.share = (self.share - choices.follow * missed).clamp(0, 1)
        for gate, saliency in zip(self.gates, seen):
            gate.mean = torch.lerp(saliency.mean(0), gate.mean, choices.memory)
        self.thresholds = torch.stack([threshold_of(gate.mean, self.share) for gate in self.gates])

    def pressed(self, losses: Tensor, choices: ManiDP) -> Tensor:
        """How hard each image's saliencies are pressed, ``[N]``: from 0 at the limit to 1 at no loss."""
        now = losses.mean()
        self.mean_loss = torch.where(self.mean_loss > 0, torch.lerp(now, self.mean_loss, choices.memory), now)
        limit = choices.easy * self.mean_loss
        return ((limit - losses) / limit.clamp(min=1e-12)).clamp(min=0)

    def cost(self) -> GateCost:
        return GateCost(0, (0,) * self.blocks, tuple(gate.macs for gate in self.gates))


class ManifoldLoss:
    """Task loss, saliencies of easy images, and the difference of likenesses; behind it thresholds move."""

    def __init__(self, choices: ManiDP, point: float):
        self.choices, self.point = choices, point

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        choices, output, router = self.choices, network(step.images), cast(ManifoldRouter, network.router)
        losses = step.sample_loss(output.logits)
        seen = cast(list[tuple[Tensor, Tensor]], output.state)
        fallen = (1 - math.cos(math.pi * min(1.0, step.progress / choices.descent))) / 2
        missed = network.macs_fraction(output).detach().mean().float() - (1 + (self.point - 1) * fallen)
        router.follow(missed, [saliency.detach() for saliency, _ in seen], choices)
        weight = router.pressed(losses.detach(), choices)
        pressed = sum((weight * saliency.mean(1)).mean() for saliency, _ in seen)
        unlike = sum(likeness_distance(saliency, features) for saliency, features in seen)
        return losses.mean() + choices.pressure * pressed + choices.likeness * unlike


def threshold_of(means: Tensor, share: Tensor) -> Tensor:
    """The mean saliency that a ``share`` of the channels reaches; below all of them where all are kept."""
    return torch.where(share < 1, means.quantile(1 - share), torch.zeros_like(share))


def likeness_distance(saliency: Tensor, features: Tensor) -> Tensor:
    """Mean squared difference between cosine similarities of images by their saliencies and by their features."""
    alike = [F.normalize(one, dim=1) @ F.normalize(one, dim=1).T for one in (saliency, features)]
    return (alike[0] - alike[1]).square().mean()
