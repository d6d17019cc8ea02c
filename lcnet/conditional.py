"""LC-Net pushed to treat images differently: what other works do to make gates conditional, each as one option.

None of it is in the LC-Net paper. With every option off the method is LC-Net. It exists to find
out what would make the choice for each image worth something: ``results/why-gates``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

import torch
from scipy.special import betaincinv
from torch import Tensor, nn

from bench.methods import Budget, Stage, TrainingBatch, joint_groups
from bench.networks import Backbone, DynamicNetwork
from bench.networks.decisions import Output
from lcnet.method import LCNet
from lcnet.objective import RATE, PricedLoss
from lcnet.router import LCRouter

SHAPE = 0.6, 0.4
"""Of the Beta distribution that batch shaping pulls gates to: most mass at both ends (Bejnordi et al. 2020)."""
SHAPED = 0.5
"""Share of the training over which the pull of batch shaping fades."""


@dataclass(frozen=True)
class LCNetConditional(LCNet):
    """LC-Net with means from other works against gates that treat all images alike.

    Attributes:
        noise: standard deviation of Gaussian noise on the scores of a block, one value for each image and block; fades
            to nothing over the training.
        shaping: weight of batch shaping: the values of each gate over the images of a batch are pulled to a Beta
            distribution with most mass at 0 and 1 (Bejnordi, Blankevoort, Welling, ICLR 2020, arXiv 1907.06627), by the
            mean square distance of quantiles, not of distribution functions as there. Fades over half of the training.
        bounds: weight of bounds on each block's share, tight at the target first and released over the training (Li et
            al., Dynamic Dual Gating, ICCV 2021).
        spread: reward for the standard deviation of costs, as MACs fractions, between the images of a batch.
        hardness: how much cheaper MACs are for images of a high loss: the price of an image falls by this for each
            standard deviation of its loss within the batch, and rises for a low one (after Tang et al., Manifold
            Regularized Dynamic Network Pruning, CVPR 2021, arXiv 2103.05861, who penalise easy images more).
        supervision: weight of the losses of classifiers behind the first stages, in training alone: they draw what
            tells classes apart towards the first blocks (Lee et al., Deeply-Supervised Nets, arXiv 1409.5185).
    """

    noise: float = 0.0
    shaping: float = 0.0
    bounds: float = 0.0
    spread: float = 0.0
    hardness: float = 0.0
    supervision: float = 0.0

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone, ConditionalRouter(backbone, self))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        (stage,) = super().stages(network, point, budget)
        priced = cast(PricedLoss, stage.loss)
        groups = list(stage.groups)
        classifiers = cast(ConditionalRouter, network.router).classifiers()
        if classifiers and self.learns != "all":
            of_gates = joint_groups(network, budget, self.router_lr)[1]
            groups.append(replace(of_gates, parameters=classifiers))
        return [replace(stage, groups=groups, loss=self.loss(priced.point, priced.descent))]

    def loss(self, point: float, descent: float) -> ConditionalLoss:
        """What the one stage minimises."""
        return ConditionalLoss(self, point, descent)


class ConditionalRouter(LCRouter):
    """As :class:`LCRouter`; may add noise to scores, and have classifiers behind stages, in training alone.

    Attributes:
        sigma: of the noise at this moment of the training.
        answers: logits of the classifiers in the last training pass, ``[N, classes]`` each.
    """

    def __init__(self, backbone: Backbone, choices: LCNetConditional):
        super().__init__(backbone, choices)
        self.sigma = choices.noise
        self.answers: list[Tensor] = []
        classes = backbone.classifier.out_features
        starts = stage_starts(backbone) if choices.supervision else []
        self.heads = nn.ModuleDict({str(i): nn.Linear(backbone.blocks[i].in_channels, classes) for i in starts})

    def start(self, images: Tensor) -> None:
        self.answers = []

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        self.ask_heads(index, x)
        return super().gate_input(index, x)

    def ask_heads(self, index: int, x: Tensor) -> None:
        """Remembers what a classifier in front of block ``index`` says of ``x``, in training alone."""
        if self.training and str(index) in self.heads:
            self.answers.append(self.heads[str(index)](x.mean((2, 3)).float()))

    def classifiers(self) -> list[nn.Parameter]:
        """What learns beside the gates and the backbone."""
        return list(self.heads.parameters())

    def threshold_for(self, index: int, features: Tensor) -> Tensor:
        if not (self.training and self.sigma):
            return self.threshold
        return self.threshold + self.sigma * torch.randn(len(features), device=features.device)


def stage_starts(backbone: Backbone) -> list[int]:
    """The blocks that begin a stage but the first: their inputs are what a stage has found out."""
    return [index for index, block in enumerate(backbone.blocks) if index and block.in_channels != block.out_channels]


@dataclass(frozen=True)
class ConditionalLoss:
    """LC-Net's loss, and what the choices add to it."""

    choices: LCNetConditional
    point: float
    descent: float

    def __call__(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        router = cast(ConditionalRouter, network.router)
        router.sigma = self.choices.noise * (1 - step.progress)
        output = network(step.images)
        fractions = network.macs_fraction(output)
        target = 1 + (self.point - 1) * min(1.0, step.progress / self.descent)
        router.threshold = router.threshold + RATE * (fractions.detach().mean().float() - target)
        fractions = fractions.float()
        losses = step.sample_loss(output.logits)
        loss = losses.mean() + (self._prices(router, losses) * fractions).mean()
        loss = loss - self.choices.spread * fractions.std(unbiased=False)
        loss = loss + self.choices.image_price * fractions.var(unbiased=False)
        loss = loss + self._of_gates(output, target, step.progress) + self._of_answers(network, step)
        router.start(step.images)  # forgets this pass, whose graph would stay with it
        return loss

    def _prices(self, router: ConditionalRouter, losses: Tensor) -> Tensor:
        """What MACs cost each image, ``[N]``; never less than nothing."""
        return self.choices.price * (1 - self._needs(router, losses)).clamp(min=0)

    def _needs(self, router: ConditionalRouter, losses: Tensor) -> Tensor:
        """By what share MACs are cheaper for each image, ``[N]``."""
        return self.choices.hardness * standardised(losses.detach())

    def _of_gates(self, output: Output, target: float, progress: float) -> Tensor:
        loss = output.logits.new_zeros(())
        if self.choices.shaping and progress < SHAPED:
            loss = loss + self.choices.shaping * (1 - progress / SHAPED) * shaping_distance(output)
        if self.choices.bounds:
            loss = loss + self.choices.bounds * bounds_missed(output, target, progress)
        return loss

    def _of_answers(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        losses = [step.task_loss(answer) for answer in cast(ConditionalRouter, network.router).answers]
        return self.choices.supervision * torch.stack(losses).mean() if losses else step.images.new_zeros(())


def standardised(values: Tensor) -> Tensor:
    """``[N]`` with mean 0 and deviation 1; zeros where all are alike."""
    return (values - values.mean()) / values.std(unbiased=False).clamp(min=1e-6)


def shaping_distance(output: Output) -> Tensor:
    """Mean square distance between the values of each gate over a batch and the quantiles of the ``SHAPE``."""
    layers = [one.layer.scale[:, None] for one in output.decisions if not one.layer.certain]
    values = torch.cat(layers + [one.channels.scale for one in output.decisions if one.channels is not None], 1)
    quantiles = values.new_tensor(_quantiles(len(values)))
    return (values.sort(0).values - quantiles[:, None]).square().mean()


@lru_cache(maxsize=8)
def _quantiles(count: int) -> list[float]:
    return betaincinv(*SHAPE, [(index + 0.5) / count for index in range(count)]).tolist()


def bounds_missed(output: Output, target: float, progress: float) -> Tensor:
    """Sum of the squares by which blocks' mean shares miss their bounds: both at ``target`` first, then 0 and 1."""
    shares = torch.stack([one.kept_fraction.mean() for one in output.decisions])
    low, high = target * (1 - progress), 1 - (1 - target) * (1 - progress)
    return ((low - shares).clamp(min=0).square() + (shares - high).clamp(min=0).square()).sum()
