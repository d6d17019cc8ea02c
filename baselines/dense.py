"""The static backbone itself: the reference of every comparison (He et al., arXiv 1512.03385)."""

from __future__ import annotations

from torch import Tensor

from bench.methods.interface import (
    Budget,
    Method,
    MethodInfo,
    ParameterGroup,
    Reported,
    Stage,
    TrainingBatch,
    backbone_lr,
)
from bench.networks.blocks import Backbone
from bench.networks.network import DynamicNetwork

_HE = "He et al. 2015 (arXiv 1512.03385), table 6; MACs counted for shortcut option A"


def cross_entropy(network: DynamicNetwork, step: TrainingBatch) -> Tensor:
    """The task's loss alone."""
    return step.task_loss(network(step.images).logits)


class Dense(Method):
    """Every block at full width for every image."""

    info = MethodInfo(
        decides="nothing",
        looks_at="nothing",
        paper="He et al., Deep Residual Learning for Image Recognition, CVPR 2016, arXiv 1512.03385",
        year=2016,
        reported=(
            Reported("cifar10", "resnet20", 91.25, 40_551_040, _HE),
            Reported("cifar10", "resnet32", 92.49, 68_862_592, _HE),
            Reported("cifar10", "resnet44", 92.83, 97_174_144, _HE),
            Reported("cifar10", "resnet56", 93.03, 125_485_696, _HE),
            Reported("cifar10", "resnet110", 93.57, 252_887_680, _HE),
        ),
    )
    has_points = False

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone)

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        group = ParameterGroup(list(network.backbone.parameters()), backbone_lr(budget), weight_decay=5e-4)
        return [Stage("train", budget.epochs, [group], cross_entropy, warmup=0.2)]
