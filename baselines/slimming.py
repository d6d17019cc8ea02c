"""Network slimming (Liu, Li, Shen, Huang, Yan, Zhang, ICCV 2017, arXiv 1708.06519): batch-norm scales rank channels.

Stage *sparsity* trains with an L1 penalty on the scales of the batch norms behind inner convolutions. Then all inner
channels of the network are ranked by their scale, and one global threshold, solved for the operating point, removes
those below. Stage *tuning* trains the smaller network.

The paper's penalty is 1e-4 for 160 epochs. What a scale can shrink is the sum of penalty times learning rate over all
steps, so shorter stages get a proportionally larger penalty here. The global threshold can empty a layer, where the
public code stops with an error; here the strongest channel of each layer stays.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from baselines.dense import Dense, cross_entropy
from baselines.pruning import strongest
from bench.methods.interface import Budget, MethodInfo, Stage, TrainingBatch
from bench.methods.objective import nearest_step
from bench.networks.blocks import Backbone
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.networks.surgery import keep_inner

PAPER_PENALTY, PAPER_EPOCHS = 1e-4, 160


def inner_scales(backbone: Backbone) -> list[Tensor]:
    """Batch-norm scales behind each convolution whose channels may go, in order; ``[C]`` each."""
    return [unit.norm.weight for block in backbone.blocks for unit in block.units[:-1]]


def keep_largest(backbone: Backbone, count: int) -> Backbone:
    """Keeps the ``count`` inner channels of largest scale, and at least one in each layer; in place."""
    scales = [scale.detach().abs() for scale in inner_scales(backbone)]
    kept = torch.zeros(sum(map(len, scales)), dtype=torch.bool)
    kept[torch.cat(scales).topk(count).indices.cpu()] = True
    layers = [(block, index) for block in backbone.blocks for index in range(len(block.units) - 1)]
    for (block, index), scale, chosen in zip(layers, scales, kept.split([len(scale) for scale in scales])):
        keep_inner(block, index, strongest(scale, max(1, int(chosen.sum()))))
    return backbone


class Slimmed:
    """Prunes a network to ``point``, as the beginning of a stage."""

    def __init__(self, point: float):
        self.point = point

    def __call__(self, network: DynamicNetwork) -> None:
        backbone, dense = network.backbone, network.backbone_cost.total

        def fraction(count: int) -> float:
            return count_backbone(keep_largest(copy.deepcopy(backbone), count)).total / dense

        channels = sum(len(scale) for scale in inner_scales(backbone))
        keep_largest(backbone, nearest_step(fraction, 1, channels, self.point))
        network.recount()


class SparsityLoss:
    """Task loss and the L1 norm of all inner scales."""

    def __init__(self, penalty: float):
        self.penalty = penalty

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        norm = sum(scale.abs().sum() for scale in inner_scales(network.backbone))
        return cross_entropy(network, step) + self.penalty * norm


class Slimming(Dense):
    """Channels with small batch-norm scales go, under one threshold for the whole network."""

    info = MethodInfo(
        decides="nothing (channels removed for all images)",
        looks_at="batch-norm scales",
        paper="Liu et al., Learning Efficient Convolutional Networks through Network Slimming, ICCV 2017, "
        "arXiv 1708.06519",
        year=2017,
    )
    has_points = True

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        inner_scales(backbone)  # refuses blocks without channels here, not after the sparse training
        return super().build(backbone, point)

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        assert point is not None
        tuning = super().stages(network, point, budget)[0]
        sparse = budget.epochs // 2
        loss = SparsityLoss(PAPER_PENALTY * PAPER_EPOCHS / max(1, sparse))
        return [
            Stage("sparsity", sparse, tuning.groups, loss, tuning.warmup),
            Stage("tuning", budget.epochs - sparse, tuning.groups, tuning.loss, tuning.warmup, Slimmed(point)),
        ]
