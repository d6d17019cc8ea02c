"""Early exits, trained jointly: classifiers behind some blocks, and a threshold on how sure they are.

After BranchyNet (Teerapittayanon, McDanel, Kung, ICPR 2016, arXiv 1709.01686), trained as Shallow-Deep Networks and
MSDNet are: the losses of all classifiers are added up, with weights that rise with depth (an exit's share of the MACs),
since a heavy early loss costs the later answers accuracy. Thresholds are set on validation images for each operating
point, as MSDNet's are; the papers' own code picks them on the test set (BranchyNet, Shallow-Deep Networks).

Ours: the start from the trained dense network, for every method here; places by cost; the cheap heads of Shallow-Deep
Networks, since BranchyNet's first branch costs more than a ResNet-20's stage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

from torch import Tensor, nn

from bench.methods import AllAnswers, Budget, Method, MethodInfo, Stage, TrainingBatch, choose_thresholds, joint_groups
from bench.networks import (
    Backbone,
    DynamicNetwork,
    Entropy,
    Exits,
    Patience,
    PooledHead,
    StopRule,
    exit_places,
    map_sizes,
)

HEAD_LR = 0.001
RULES = {"confidence": StopRule, "entropy": Entropy, "patience": Patience}


@dataclass(frozen=True)
class EarlyExit(Method):
    """One network with several answers.

    Attributes:
        shares: of the backbone's MACs; an exit stands behind the block that ends nearest to each.
        rule: what lets an image stop: ``confidence``, little ``entropy``, or ``patience``: exits in a row that agree.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="where to stop",
        looks_at="answers of early classifiers",
        paper="Teerapittayanon et al., BranchyNet, ICPR 2016, arXiv 1709.01686",
        year=2016,
    )
    shares: tuple[float, ...] = (0.25, 0.4, 0.55, 0.7, 0.85)
    rule: Literal["confidence", "entropy", "patience"] = "confidence"

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        classes = backbone.classifier.out_features
        places, sizes = exit_places(backbone, self.shares), map_sizes(backbone)
        shapes = [(backbone.blocks[index].out_channels, sizes[index]) for index in places]
        heads = [self.head(*shape, classes, is_first=not number) for number, shape in enumerate(shapes)]
        return DynamicNetwork(backbone, exits=Exits(dict(zip(places, heads)), self.make_rule(len(places), classes)))

    def head(self, channels: int, size: int, classes: int, is_first: bool) -> nn.Module:
        """A classifier of features ``[N, channels, size, size]``."""
        return PooledHead(channels, size, classes)

    def make_rule(self, exits: int, classes: int) -> StopRule:
        return RULES[self.rule](exits)

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        return [Stage("joint", budget.epochs, joint_groups(network, budget, HEAD_LR), WeightedLoss(network))]

    def calibrate(
        self, network: DynamicNetwork, point: float | None, answers: Callable[[], AllAnswers]
    ) -> dict[str, Any]:
        assert network.rule is not None and point is not None
        choice = choose_thresholds(answers().scored(network.rule), point)
        network.rule.set_thresholds(choice.thresholds)
        return choice.described()


class WeightedLoss:
    """Mean of the task's losses of all answers; an exit weighs as much as its share of the MACs, the end 1."""

    def __init__(self, network: DynamicNetwork):
        assert network.exits is not None
        self.weights = [*network.exits.shares(network.backbone_cost), 1.0]

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        given = network(step.images).exits.given
        weighted = [weight * step.task_loss(logits) for weight, logits in zip(self.weights, given)]
        return cast(Tensor, sum(weighted) / sum(self.weights))
