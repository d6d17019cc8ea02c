"""SelfXit (KhademSohi and others, TMLR 2024): exits that learn from the network itself, without labels.

The network is deployed and frozen; classifiers behind its blocks learn to say what it says in the end, from images as
they come. Here they learn from the training images, augmented as for every method, whose labels are not looked at:
the loss is the divergence of each exit's answer from the last one's. Heads, places and thresholds are those of
:mod:`baselines.sdn`; only a student's code is public, and the paper's own exits are found by a search that we do not
make. Thresholds are calibrated on validation images, *with* their labels, like those of every method here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, cast

import torch.nn.functional as F
from torch import Tensor

from baselines.sdn import SDN
from bench.errors import BadInput
from bench.methods import Budget, MethodInfo, Stage, TrainingBatch
from bench.networks import DynamicNetwork


@dataclass(frozen=True)
class SelfXit(SDN):
    """Heads on a frozen backbone that imitate its answer.

    Attributes:
        temperature: that both answers are softened with; ours, as in the harness's own distillation.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="where to stop",
        looks_at="answers of early classifiers",
        paper="KhademSohi et al., SelfXit: An Unsupervised Early Exit Mechanism, TMLR 2024",
        year=2024,
    )
    temperature: float = 4.0

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        if self.mixed:
            raise BadInput("exits that imitate the network need it frozen: SelfXit has no mixed training")
        (heads,) = super().stages(network, point, budget)
        return [replace(heads, name="imitation", loss=ImitationLoss(self.temperature))]


class ImitationLoss:
    """Sum over the exits of the divergence of their softened answers from the last one's; no label is seen."""

    def __init__(self, temperature: float):
        self.temperature = temperature

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        *early, last = network(step.images).exits.given
        wanted = (last.detach() / self.temperature).log_softmax(1)
        told = ((logits / self.temperature).log_softmax(1) for logits in early)
        losses = [F.kl_div(one, wanted, reduction="batchmean", log_target=True) for one in told]
        return self.temperature**2 * cast(Tensor, sum(losses))
