"""Zero Time Waste (Wolczyk et al., NeurIPS 2021, arXiv 2106.05409): what early classifiers said is not thrown away.

The backbone is frozen. Each head sees, beside its features, what the head before it said (detached, layer-normalised),
and an exit's answer is a weighted geometric mean of its own and all earlier heads' probabilities. First the heads
learn, then, with these frozen, the weights of the means. The backbone's own answer stands alone.

Ours: the convolution of a head is padded, so that the last stage of a CIFAR ResNet leaves it 4 x 4 positions instead of
3 x 3; weights of the means start at 1; a fifth of the epochs is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from baselines.early_exit import HEAD_LR
from baselines.sdn import SDN
from bench.errors import BadInput
from bench.methods import Budget, MethodInfo, ParameterGroup, Stage, TrainingBatch
from bench.networks import DynamicNetwork, PooledHead, StopRule

ENSEMBLE_SHARE = 0.2
"""Of the epochs."""


@dataclass(frozen=True)
class ZTW(SDN):
    """Heads in a chain on a frozen backbone, and means of their answers."""

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="where to stop",
        looks_at="answers of early classifiers, together",
        paper="Wolczyk et al., Zero Time Waste, NeurIPS 2021, arXiv 2106.05409",
        year=2021,
    )

    def head(self, channels: int, size: int, classes: int, is_first: bool) -> nn.Module:
        return ChainedHead(channels, size, classes, chained=not is_first)

    def make_rule(self, exits: int, classes: int) -> StopRule:
        if self.rule != "confidence":
            raise BadInput(f"zero time waste stops by the confidence of its means, not by {self.rule}")
        return GeometricMeans(exits, classes)

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        means = min(budget.epochs // 2, max(1, int(ENSEMBLE_SHARE * budget.epochs)))
        (heads,) = super().stages(network, point, Budget(budget.epochs - means, budget.pretrained))
        assert network.rule is not None
        group = ParameterGroup(list(network.rule.parameters()), HEAD_LR, weight_decay=0.0, optimiser="adamw")
        return [heads, Stage("means", means, [group], means_loss)]


def means_loss(network: DynamicNetwork, step: TrainingBatch) -> Tensor:
    """Sum of the losses of what the exits answer together."""
    given, rule = network(step.images).exits.given[:-1], network.rule
    assert rule is not None
    losses = [step.task_loss(rule.answer(list(given[: number + 1]))) for number in range(len(given))]
    return cast(Tensor, sum(losses))


class ChainedHead(PooledHead):
    """A convolution to half the channels and half the size, then a classifier that also reads the last answer."""

    def __init__(self, channels: int, size: int, classes: int, chained: bool):
        super().__init__(max(1, channels // 2), (size + 1) // 2, classes, more=classes if chained else 0)
        self.conv = nn.Conv2d(channels, max(1, channels // 2), 3, stride=2, padding=1)
        self.norm = nn.LayerNorm(classes) if chained else None

    def forward(self, x: Tensor, given: Sequence[Tensor]) -> Tensor:
        features = self.features(torch.relu(self.conv(x)))
        if self.norm is not None:
            features = torch.cat([features, self.norm(given[-1].detach()).to(features.dtype)], 1)
        return self.linear(features)


class GeometricMeans(StopRule):
    """Exit m answers with the weighted mean of the log-probabilities of heads 1 to m, and a bias for each class."""

    def __init__(self, exits: int, classes: int):
        super().__init__(exits)
        self.log_weights = nn.ParameterList(torch.zeros(exit + 1) for exit in range(exits))
        self.biases = nn.ParameterList(torch.zeros(classes) for _ in range(exits))

    def answer(self, given: Sequence[Tensor]) -> Tensor:
        number = len(given) - 1
        if number == len(self.biases):
            return given[-1]
        log_p = torch.stack(list(given)).log_softmax(2)
        return (log_p * self.log_weights[number].exp()[:, None, None]).mean(0) + self.biases[number]
