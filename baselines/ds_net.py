"""Dynamic slimmable network, DS-Net (Li, Wang, Wang, Liang, Lin, Chang, CVPR 2021, arXiv 2103.13258).

One gate, early in the network, chooses one of a few widths for all blocks behind it. Stage *supernet* trains all widths
together. Stage *gate* freezes them and trains the gate, with Gumbel noise, from the task's loss, from what images cost,
and from *labels*: the narrowest width where the narrowest network is already right, else the widest (sandwich gate
sparsification). A gate that is told when little is enough is what a confidence cascade has and gates seldom do.

The public code draws noise in evaluation, takes a cross-entropy of a softmax, and has fourteen sets of batch norms.
What is ours:

- widths are of inner channels, largest filters first, since the residual sum stays at full width, as for all rivals;
- the images of one batch are spread over the widths, so that batch norms see one mixture in training and test; every
  image has the task's loss, which the harness mixes with distillation from the dense network for all methods alike (the
  paper distils from the moving average of the widest);
- the gate stands before the second block, where the paper has it behind half of a network whose stem is narrow: of a
  thin ResNet too little would be left to save;
- the paper meets a target by hand: it chooses the widths that the gate may take, and how costs are penalised. Here the
  widths lie around the operating point, and a price for each step, common to all images, brings every batch to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.methods import Budget, Method, MethodInfo, Stage, TrainingBatch, joint_groups
from bench.networks import (
    Backbone,
    BackboneCost,
    ChannelDecision,
    DynamicNetwork,
    GateCost,
    LayerDecision,
    Router,
    count_backbone,
)
from bench.networks.surgery import sort_inner

LARGEST_PRICE, HALVINGS = 100.0, 30
"""Where the price is searched, and how often the search is halved."""


@dataclass(frozen=True)
class DSNet(Method):
    """One width for each image.

    Attributes:
        widths: how many there are. Their costs are evenly spaced around the operating point, as far as both ends reach.
        narrowest: share of the inner channels that every width keeps.
        hidden: units of the gate's hidden layer; ours. A quarter of a thin ResNet's channels were four: all of them
            were zero for a fifth of the digits, and no price tells images of equal scores apart.
        gate_at: the block whose input the gate looks at, and the first that it decides about; ours.
        gated: share of the epochs, at least one of two, that train the gate; ours, the paper's 30 of 180 are more steps
            than a third of a short budget.
        labels: weight of the cross-entropy to the label; 0: none. The paper's is 1.
        gate_lr: AdamW's peak rate; ours, the paper's is SGD's 0.08.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="width of all blocks",
        looks_at="input of an early block, pooled",
        paper="Li et al., Dynamic Slimmable Network, CVPR 2021, arXiv 2103.13258",
        year=2021,
    )
    widths: int = 4
    narrowest: float = 0.25
    hidden: int = 32
    gate_at: int = 1
    gated: float = 1 / 3
    labels: float = 1.0
    gate_lr: float = 0.005

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        assert point is not None
        for block in backbone.blocks:
            sort_inner(block)
        return DynamicNetwork(backbone, WidthRouter(backbone, self, point))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        backbone, gate = joint_groups(network, budget, self.gate_lr)
        gated = max(1, round(self.gated * budget.epochs)) if budget.epochs > 1 else 0
        return [
            Stage("supernet", budget.epochs - gated, [backbone], spread_loss),
            Stage("gate", gated, [gate], GateLoss(self)),
        ]


class Price(nn.BatchNorm1d):
    """What a step of width costs: in training what brings the batch to the operating point, else the mean over batches.

    It is a statistic of scores, as those of batch norms: the harness takes it anew from plain training images behind
    every epoch, with the weights that are tested. A running mean from training lags behind them, and is of augmented
    images.
    """

    def __init__(self, fractions: Tensor, point: float):
        super().__init__(1, affine=False)
        self.point = point
        self.register_buffer("fractions", fractions)

    def forward(self, score: Tensor) -> Tensor:
        """Scores ``[N, widths]`` less the price of each width."""
        assert self.running_mean is not None and self.num_batches_tracked is not None
        price = self.running_mean
        if self.training:
            price = price_for(score.detach(), cast(Tensor, self.fractions), self.point)
            self.num_batches_tracked += 1
            weight = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
            self.running_mean.lerp_(price, weight)
        return score - price * torch.arange(score.shape[1], device=score.device)


class WidthRouter(Router):
    """One gate for the whole network.

    Attributes:
        told: a width's number for each image of the next batch ``[N]``, in place of the gate's choice.
    """

    def __init__(self, backbone: Backbone, choices: DSNet, point: float):
        super().__init__(len(backbone.blocks))
        channels = backbone.blocks[choices.gate_at].in_channels
        self.gate_at, self.told = choices.gate_at, cast(Tensor | None, None)
        cost = count_backbone(backbone)
        shares = shares_around(point, cost, choices)
        self.counts = [[max(1, round(share * block.inner_channels)) for share in shares] for block in backbone.blocks]
        self.channels = [block.inner_channels for block in backbone.blocks]
        self.hidden = nn.Linear(channels, choices.hidden, bias=False)
        self.norm = nn.BatchNorm1d(self.hidden.out_features)
        self.output = nn.Linear(self.hidden.out_features, choices.widths)
        self.price = Price(self._fractions(cost), point)

    def _fractions(self, cost: BackboneCost) -> Tensor:
        """MACs of an image at each width, of the dense backbone's: ``[widths]``."""
        saved = torch.zeros(self.output.out_features)
        for block, counts in list(zip(cost.blocks, self.counts))[self.gate_at :]:
            saved += block.per_channel * (block.inner_channels - torch.tensor(counts))
        return (cost.total + sum(self.cost().layer) - saved) / cost.total

    def start(self, images: Tensor) -> dict[str, Tensor]:
        return {}

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        return x.mean((2, 3)).detach() if index == self.gate_at else x[:, 0, 0, 0]

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        if index == self.gate_at:
            state["chosen"] = self._choose(features, state)
        return LayerDecision.always(features)

    def _choose(self, features: Tensor, state: Any) -> Tensor:
        """One-hot rows ``[N, widths]`` with the gradient of their softmax."""
        score = self.output(torch.relu(self.norm(self.hidden(features))))
        state["score"] = score
        if self.training:
            score = score - torch.empty_like(score).exponential_().log()  # Gumbel noise
        score = self.price(score)
        if self.told is not None:
            return F.one_hot(self.told, score.shape[1]).to(score.dtype)
        likely = score.softmax(1)
        return F.one_hot(score.argmax(1), score.shape[1]).to(likely.dtype) + (likely - likely.detach())

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision | None:
        if index < self.gate_at:
            return None
        chosen: Tensor = state["chosen"]
        counts = torch.tensor(self.counts[index], device=chosen.device)
        narrowest = (torch.arange(self.channels[index], device=chosen.device) >= counts[:, None]).sum(0)
        # A channel is kept at its narrowest width and at all beyond: a sum, since a product would be counted as MACs.
        kept = F.pad(chosen.flip(1).cumsum(1).flip(1), (0, 1))[:, narrowest]
        return ChannelDecision(kept, kept)

    def cost(self) -> GateCost:
        macs = self.hidden.weight.numel() + self.output.weight.numel()
        each = tuple(macs if index == self.gate_at else 0 for index in range(self.blocks))
        return GateCost(0, each, (0,) * self.blocks)


def spread_loss(network: DynamicNetwork, step: TrainingBatch) -> Tensor:
    """The task's loss with the images of a batch, which come in random order, spread evenly over the widths."""
    router = cast(WidthRouter, network.router)
    count, widths = len(step.images), router.output.out_features
    router.told = torch.arange(count, device=step.images.device) * widths // count
    loss = step.task_loss(network(step.images).logits)
    router.told = None
    return loss


@dataclass(frozen=True)
class GateLoss:
    """Task loss under the gate's choice, and the gate's own labels."""

    choices: DSNet

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        label = torch.where(narrowest_is_right(network, step), 0, self.choices.widths - 1)
        output = network(step.images)
        return step.task_loss(output.logits) + self.choices.labels * F.cross_entropy(output.state["score"], label)


def shares_around(point: float, cost: BackboneCost, choices: DSNet) -> list[float]:
    """The widths whose costs are evenly spaced around ``point``, as shares of the inner channels, rising."""
    gated = cost.blocks[choices.gate_at :]
    saveable = sum(block.per_channel * block.inner_channels for block in gated) / cost.total
    reach = max(0.0, min(point - (1 - saveable * (1 - choices.narrowest)), 1 - point))
    fractions = point + reach * torch.linspace(-1, 1, choices.widths)
    return (1 - (1 - fractions) / saveable).clamp(choices.narrowest, 1).tolist()


def price_for(score: Tensor, fractions: Tensor, point: float) -> Tensor:
    """The price at which images with ``score`` ``[N, widths]`` cost ``point`` in the mean, by bisection; a scalar."""
    low, high = score.new_tensor(-LARGEST_PRICE), score.new_tensor(LARGEST_PRICE)
    steps = torch.arange(score.shape[1], device=score.device)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        too_dear = fractions[(score - middle * steps).argmax(1)].mean() > point
        low, high = torch.where(too_dear, middle, low), torch.where(too_dear, high, middle)
    return (low + high) / 2


@torch.no_grad()
def narrowest_is_right(network: DynamicNetwork, step: TrainingBatch) -> Tensor:
    """Which images the network classifies correctly at its narrowest, ``[N]`` bool; as it would be tested."""
    router = cast(WidthRouter, network.router)
    router.told = torch.zeros_like(step.labels)
    rests = not network.backbone.training  # as where a stage leaves it out
    network.eval()
    right = network(step.images).logits.argmax(1) == step.labels
    network.train().backbone.train(not rests)
    router.told = None
    return right
