"""Shallow-Deep Networks (Kaya, Hong, Dumitras, ICML 2019, arXiv 1810.07052): classifiers put into a trained network.

The backbone is frozen, so its own answer stays what it was, and only the heads learn, from the sum of their losses.
With ``mixed`` everything learns from the trained start, with weights that rise during training up to each exit's share
of the MACs; Kubaty et al. (ICML 2025, arXiv 2407.14320) find this schedule the best of those that they compare.

The public code standardises with batch statistics that drift while the network is frozen, shows heads other features in
training than at test time, lets the pool's mixing weight leave [0, 1], and returns the most confident of all answers
where none is confident enough. Here the backbone is in evaluation mode, heads always see what is behind the ReLU, a
sigmoid bounds the weight, and the last answer stands. Its one threshold for all exits was picked on the test set; here
thresholds are calibrated on validation images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, cast

from torch import Tensor

from baselines.early_exit import HEAD_LR, EarlyExit
from bench.methods import Budget, MethodInfo, Stage, TrainingBatch, joint_groups
from bench.networks import DynamicNetwork

FIRST_WEIGHT = 0.01


@dataclass(frozen=True)
class SDN(EarlyExit):
    """Heads on a frozen backbone.

    Attributes:
        mixed: the backbone learns with them.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="where to stop",
        looks_at="answers of early classifiers",
        paper="Kaya et al., Shallow-Deep Networks, ICML 2019, arXiv 1810.07052",
        year=2019,
    )
    mixed: bool = False

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        backbone, heads = joint_groups(network, budget, HEAD_LR)
        if self.mixed:
            return [Stage("mixed", budget.epochs, [backbone, heads], RisingLoss(network))]
        assert network.exits is not None
        heads = replace(heads, parameters=list(network.exits.heads.parameters()))
        return [Stage("heads", budget.epochs, [heads], heads_loss)]


def heads_loss(network: DynamicNetwork, step: TrainingBatch) -> Tensor:
    """Sum of the heads' losses; the backbone's own answer is not among them."""
    return cast(Tensor, sum(step.task_loss(logits) for logits in network(step.images).exits.given[:-1]))


class RisingLoss:
    """The last answer's loss, and the heads' with weights from ``FIRST_WEIGHT`` to their shares of the MACs."""

    def __init__(self, network: DynamicNetwork):
        assert network.exits is not None
        self.shares = network.exits.shares(network.backbone_cost)

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        *early, last = network(step.images).exits.given
        weights = [FIRST_WEIGHT + (share - FIRST_WEIGHT) * step.progress for share in self.shares]
        weighted = [weight * step.task_loss(logits) for weight, logits in zip(weights, early)]
        return (step.task_loss(last) + sum(weighted)) / (1 + sum(self.shares))
