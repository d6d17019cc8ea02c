"""Adaptive tokens, A-ViT (Yin, Vahdat, Alvarez, Mallya, Kautz, Molchanov, CVPR 2022, arXiv 2112.07658).

Behind each layer of a vision transformer a token adds sigmoid(gamma * e - beta) to its halting score, e being its first
entry. At 1 - eps it stops: later layers neither change nor read it. The classifier reads the sum of the class tokens of
all layers, weighted by their halting probabilities; what is left of 1 goes to the layer where the class token stops.
The loss adds a ponder term, layers and remainder of each token in the mean, and the divergence between a Gaussian over
layers and the mean halting scores of patches.

The public code masks tokens and removes none. What is ours:

- skipping execution takes stopped tokens out, so what is counted is what runs; an image whose class token has stopped
  runs no further, since its answer is known: there the other tokens go on;
- e is standardised over the tokens of each layer, by a batch norm, and gamma and beta learn from a start where few
  tokens stop: 10 and 30, on e as it is, suit DeiT-Tiny's weights;
- the falling budget that methods here share. Its gradient goes straight through the threshold to gamma and beta alone:
  of features it made noise within an epoch. The prior's centre, there the eighth of twelve layers, is the operating
  point's share of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from bench.methods import (
    Budget,
    Method,
    MethodInfo,
    Reported,
    Stage,
    TrainingBatch,
    falling_target,
    joint_groups,
    target_penalty,
)
from bench.networks import Backbone, DynamicNetwork, Router, count_backbone, is_open, require_tokens
from bench.networks.modules import Modules

_SOURCE = "arXiv 2112.07658; from DeiT's weights, 100 epochs"
EPS = 0.01
"""A token stops at a score of 1 - EPS: so it can stop behind the first layer."""


@dataclass(frozen=True)
class AViT(Method):
    """Tokens that stop.

    Attributes:
        ponder: weight of the layers that tokens run through.
        prior: weight of the divergence from the Gaussian over layers.
        early: score of an average token behind each layer at the start, times the number of layers; ours.
        gate_lr: AdamW's peak rate of gamma and beta; ours.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="token",
        looks_at="first entry of each token",
        paper="Yin, Vahdat, Alvarez, Mallya, Kautz, Molchanov, A-ViT: Adaptive Tokens for Efficient Vision "
        "Transformer, CVPR 2022, arXiv 2112.07658",
        year=2022,
        reported=(
            Reported("imagenet", "deit_tiny_patch16_224", 71.4, 0.8e9, _SOURCE),
            Reported("imagenet", "deit_small_patch16_224", 78.8, 3.6e9, _SOURCE),
        ),
    )
    verified_on: ClassVar[str] = "test_vit-stride4"
    ponder: float = 5e-4
    prior: float = 1e-3
    early: float = 0.25
    gate_lr: float = 0.05

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        require_tokens(backbone)
        return DynamicNetwork(backbone, TokenRouter(backbone, self.early))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        return [Stage("joint", budget.epochs, joint_groups(network, budget, self.gate_lr), PonderLoss(self, point))]


@dataclass
class Halting:
    """What a pass remembers of the tokens of its images; class tokens come first.

    Attributes:
        total: ``[N, T]``, scores so far; its gradients reach gamma and beta alone.
        left: ``[N, T]``, what the scores so far leave of 1.
        runs: ``[N, T]``, 0 or 1.
        answer: ``[N, C]``, weighted sum of class tokens so far.
        ponder: ``[N, T]``, layers that were run; remainders are added.
        means: of the scores of patches, for each layer so far.
    """

    total: Tensor
    left: Tensor
    runs: Tensor
    answer: Tensor
    ponder: Tensor
    means: list[Tensor] = field(default_factory=list)

    def add(self, x: Tensor, score: Tensor, held: Tensor) -> None:
        """Takes in the output of a layer.

        Args:
            x: ``[N, C, T, 1]``.
            score: of tokens, ``[N, T]``.
            held: what counts to their stop: the same numbers, with other gradients; 1 behind the last layer.
        """
        ran = self.runs.detach()
        self.means.append((ran * score)[:, 1:].mean())
        self.total = self.total + ran * held
        below = is_open(1 - EPS - self.total)
        self.runs = below * below[:, :1]
        goes_on = ran * below.detach()
        remainder = (ran - goes_on) * self.left
        self.left = self.left - goes_on * score
        self.ponder = self.ponder + ran + remainder
        self.answer = self.answer + (goes_on * score + remainder)[:, :1] * x[:, :, 0, 0]


class TokenRouter(Router):
    """Stops tokens between layers. A layer begins with attention.

    Attributes:
        norms: of first entries, one for each layer.
        scale: gamma.
        bias: minus beta.
    """

    def __init__(self, backbone: Backbone, early: float):
        super().__init__(len(backbone.blocks))
        attention = [index for index, cost in enumerate(count_backbone(backbone).blocks) if cost.pairs]
        self.layers = {index: layer for layer, index in enumerate(attention[1:])}
        self.norms = Modules(nn.BatchNorm1d(1, affine=False) for _ in attention)
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.bias = nn.Parameter(torch.tensor(math.log(early / (len(attention) - early))))

    def start(self, images: Tensor) -> Halting:
        nothing = images.new_zeros(len(images), 1)  # of any number of tokens
        return Halting(nothing, nothing + 1, nothing + 1, nothing, nothing)

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        return x

    def decide_tokens(self, index: int, features: Tensor, state: Halting) -> Tensor:
        if index in self.layers:
            first = self.first_entries(self.layers[index], features)
            # In training the pull moves gamma and beta alone; how the cost hangs on the image shows later.
            state.add(features, self.score(first), self.score(first.detach() if self.training else first))
        return state.runs.expand(-1, features.shape[2])

    def finish(self, x: Tensor, state: Halting) -> Tensor:
        score = self.score(self.first_entries(-1, x))
        state.add(x, score, torch.ones_like(score))
        return torch.cat([state.answer[:, :, None, None].to(x.dtype), x[:, :, 1:]], 2)

    def first_entries(self, layer: int, x: Tensor) -> Tensor:
        """Of the tokens ``x`` ``[N, C, T, 1]``, standardised: ``[N, T]``."""
        return self.norms[layer](x[:, :1, :, 0].float()).squeeze(1)

    def score(self, first: Tensor) -> Tensor:
        return (self.scale * first + self.bias).sigmoid()


class PonderLoss:
    """Task loss, pull to the operating point, ponder term and the divergence from the prior over layers."""

    def __init__(self, choices: AViT, point: float):
        self.choices, self.point = choices, point

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        output = network(step.images)
        halting: Halting = output.state
        pull = target_penalty(network, output, falling_target(self.point, step.progress), step.progress)
        ponder = self.choices.ponder * halting.ponder.mean()
        prior = self.choices.prior * divergence(torch.stack(halting.means), self.point)
        return step.task_loss(output.logits) + pull + ponder + prior


def divergence(means: Tensor, centre: float) -> Tensor:
    """Of mean scores by layer ``[L]`` from a Gaussian of deviation 1 around layer ``centre * L``, both with sum 1."""
    layers = torch.arange(len(means), device=means.device, dtype=means.dtype)
    wanted = (-(layers - centre * len(means)).square() / 2).softmax(0)
    found = means / means.sum()
    return (wanted * (wanted.log() - found.clamp(min=EPS).log())).sum()
