"""Feature boosting and suppression (Gao, Zhao, Dudziak, Mullins, Xu, ICLR 2019, arXiv 1810.05331).

Each convolution of a residual branch predicts from its pooled input how salient each of its output channels will be
(one linear layer and a ReLU). The k most salient channels of each image are computed and multiplied by their saliency;
the others are exactly zero, and the next convolution does not read them. k is a fixed share of the channels, so every
image costs the same: only *which* channels differs.

As in the paper, saliency multiplies the normalised convolution before the shift, and the density falls step by step
during training from a trained network. What is ours:

- batch norm keeps its scale beside the saliency (the paper drops it): saliencies then start at 1, where the network is
  the dense one, and scales may be negative;
- one density for all convolutions, solved for the operating point, gates included. Inside a block densities multiply;
  the residual sum is dense, so the first convolution of a block always reads everything;
- no separate warm-up of the gates with a frozen network: the density stays near 1 long enough;
- channels among the k whose saliency is zero are counted as computed;
- the L1 penalty on saliencies is left out: at the paper's weight, 1e-8, it does nothing in short budgets.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from baselines.dense import cross_entropy
from bench.methods.interface import Budget, Method, MethodInfo, Reported, Stage, TrainingBatch, joint_groups
from bench.methods.objective import falling_target, nearest_step
from bench.networks.blocks import Backbone, ConvUnit, SelfGatedUnit
from bench.networks.cost import count_backbone
from bench.networks.decisions import UnitDecision
from bench.networks.modules import Modules
from bench.networks.network import DynamicNetwork
from bench.networks.router import GateCost, Router

STEPS = 64
"""Densities are multiples of 1/64 before rounding to channels."""
GATE_LR = 0.01
_TANG = "Tang et al., ManiDP, CVPR 2021, its quoted error and share of FLOPs cut, applied to our dense count"


class BoostedUnit(SelfGatedUnit):
    """Convolution and batch norm of which each image computes its ``density`` most salient output channels.

    In training another density may be set; evaluation always uses the one of the operating point.
    """

    training_density: Tensor

    def __init__(self, unit: ConvUnit, density: float):
        super().__init__(unit.conv, unit.norm, unit.activation)
        self.density = density
        # A tensor: a number that changes would have a compiled training step compiled anew.
        self.register_buffer("training_density", torch.tensor(density), persistent=False)
        self.predictor = nn.Linear(unit.conv.in_channels, unit.conv.out_channels)
        nn.init.trunc_normal_(self.predictor.weight, std=0.05)
        nn.init.ones_(self.predictor.bias)

    def gate_parameters(self) -> list[nn.Parameter]:
        return list(self.predictor.parameters())

    def saliency(self, x: Tensor) -> Tensor:
        """Inputs ``[N, C_in, H, W]`` to saliencies ``[N, C_out]``, zero or more."""
        with torch.autocast(x.device.type, enabled=False):  # rounded saliencies would tie
            return torch.relu(self.predictor(x.mean((2, 3)).float()))

    def gated(self, x: Tensor) -> tuple[Tensor, UnitDecision]:
        saliency = self.saliency(x)
        kept = winners(saliency, self.training_density if self.training else self.density)
        shift = self.norm.bias[:, None, None]
        normed = self.norm(self.conv(x))
        y = (saliency * kept)[:, :, None, None] * (normed - shift) + kept[:, :, None, None] * shift
        y = y.to(normed.dtype)
        share = kept.double().mean(1)
        return torch.relu(y) if self.activation else y, UnitDecision(share, torch.ones_like(share))


def winners(saliency: Tensor, density: float | Tensor) -> Tensor:
    """1 for the ``ceil(density * C)`` largest of each row of ``saliency`` ``[N, C]``, else 0: k winners take all."""
    rank = saliency.argsort(dim=1, descending=True, stable=True).argsort(1)
    return (rank < density * saliency.shape[1]).to(saliency.dtype)


class PredictorCost(Router):
    """Decides nothing: the units do. It counts their predictors."""

    def __init__(self, backbone: Backbone):
        super().__init__(len(backbone.blocks))
        self.macs = tuple(
            sum(cast(BoostedUnit, unit).predictor.weight.numel() for unit in block.units) for block in backbone.blocks
        )

    def cost(self) -> GateCost:
        return GateCost(0, (0,) * self.blocks, self.macs)


def boosted(backbone: Backbone, density: float) -> DynamicNetwork:
    """``backbone`` with every convolution of its residual branches boosted and suppressed; changed in place."""
    for block in backbone.blocks:
        block.units = Modules(BoostedUnit(unit, density) for unit in block.units)
    return DynamicNetwork(backbone, PredictorCost(backbone))


class DensityLoss:
    """The task's loss at a density that falls to the one of the operating point."""

    def __init__(self, network: DynamicNetwork):
        self.units = [unit for unit in network.backbone.modules() if isinstance(unit, BoostedUnit)]

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        for unit in self.units:
            unit.training_density = torch.full_like(unit.training_density, falling_target(unit.density, step.progress))
        return cross_entropy(network, step)


class FBS(Method):
    """The same share of channels for every image, but each its own."""

    info = MethodInfo(
        decides="channel",
        looks_at="input of each convolution, pooled",
        paper="Gao et al., Dynamic Channel Pruning: Feature Boosting and Suppression, ICLR 2019, arXiv 1810.05331",
        year=2019,
        reported=(
            Reported("cifar10", "resnet20", 90.97, 40_551_040 * 0.469, _TANG),
            Reported("cifar10", "resnet32", 91.98, 68_862_592 * 0.443, _TANG),
            Reported("cifar10", "resnet56", 93.52, 125_485_696 * 0.464, _TANG),
        ),
    )

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        assert point is not None
        dense = count_backbone(backbone).total
        image = torch.zeros(1, *backbone.image_shape)

        def fraction(step: int) -> float:
            network = boosted(copy.deepcopy(backbone), step / STEPS).eval()
            with torch.no_grad():
                return network.cost(network(image)).total.item() / dense

        return boosted(backbone, nearest_step(fraction, 1, STEPS, point) / STEPS)

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        return [Stage("joint", budget.epochs, joint_groups(network, budget, GATE_LR), DensityLoss(network))]
