"""LC-Net whose gates see more than the mean of each channel of their block's input.

None of it is in the LC-Net paper. With every option off the method is LC-Net. It exists to find out whether gates
would decide better if they knew more: ``results/why-gates``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, cast

import torch
from torch import Tensor, nn

from bench.methods import MethodInfo, TrainingBatch
from bench.networks import Backbone, DynamicNetwork, FoldedGates, GateCost, PooledHead, map_sizes
from bench.networks.modules import Modules
from lcnet.conditional import ConditionalLoss, ConditionalRouter, LCNetConditional, stage_starts
from lcnet.gates import ScoreNet


@dataclass(frozen=True)
class LCNetInformed(LCNetConditional):
    """LC-Net with gates that see more.

    Attributes:
        sees: of each channel of a block's input: its ``mean``, or with it its ``deviation`` or ``maximum`` over
            positions.
        earlier: of how many earlier blocks gates see the inputs in the same way, too.
        asks: what gates are told by classifiers in front of the stages behind the first, from there on: their
            ``logits``, or the ``entropy`` of their answers. Classifiers are those of Shallow-Deep Networks (Kaya, Hong,
            Dumitras, ICML 2019, arXiv 1810.07052); their MACs are spent on every image, and counted as gates'.
    """

    sees: Literal["mean", "deviation", "maximum"] = "mean"
    earlier: int = 0
    asks: Literal["nothing", "logits", "entropy"] = "nothing"

    @property
    def info(self) -> MethodInfo:  # type: ignore[override]
        """What ``bench list methods`` tells."""
        return replace(super().info, looks_at="block inputs, pooled, and answers of early classifiers")

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        return DynamicNetwork(backbone, InformedRouter(backbone, self))

    def loss(self, point: float, descent: float) -> InformedLoss:
        return InformedLoss(self, point, descent)


class InformedRouter(ConditionalRouter):
    """As :class:`ConditionalRouter`; remembers within a pass what gates of later blocks see, too.

    Attributes:
        seen: what was seen of the inputs of the blocks so far, ``[N, features]`` each.
        told: logits of the classifiers so far, ``[N, classes]`` each.
    """

    def __init__(self, backbone: Backbone, choices: LCNetInformed):
        super().__init__(backbone, choices)
        self.sees, self.earlier, self.asks = choices.sees, max(0, choices.earlier), choices.asks
        self.seen: list[Tensor] = []
        self.told: list[Tensor] = []
        self.askers = _askers(backbone) if choices.asks != "nothing" else nn.ModuleDict()
        widths = self._widths(backbone)
        self.norms = Modules(nn.BatchNorm1d(width, affine=False) for width in widths)
        self.layer_nets = _widened(self.layer_nets, widths)
        self.channel_nets = _widened(self.channel_nets, widths)
        if choices.start:
            self.tell_images_apart(choices.start)

    def _widths(self, backbone: Backbone) -> list[int]:
        """How many features the gates of each block see."""
        own = [block.in_channels * (1 if self.sees == "mean" else 2) for block in backbone.blocks]
        of_one = backbone.classifier.out_features if self.asks == "logits" else 1
        told = [of_one * sum(int(place) <= index for place in self.askers) for index in range(self.blocks)]
        return [sum(own[max(0, index - self.earlier) : index + 1]) + told[index] for index in range(self.blocks)]

    def start(self, images: Tensor) -> None:
        super().start(images)
        self.seen, self.told = [], []

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        self.ask_heads(index, x)
        x = x.detach()
        if str(index) in self.askers:
            self.told.append(self.askers[str(index)](x, []))
        self.seen.append(pooled(x, self.sees))
        told = [logits.detach() if self.asks == "logits" else entropy(logits.detach()) for logits in self.told]
        return self.norms[index](torch.cat([*self.seen[-1 - self.earlier :], *told], 1))

    def classifiers(self) -> list[nn.Parameter]:
        return [*super().classifiers(), *self.askers.parameters()]

    def folded_gates(self, index: int) -> FoldedGates | None:  # type: ignore[override]
        sees_the_mean_alone = self.sees == "mean" and not self.earlier and not self.askers
        return super().folded_gates(index) if sees_the_mean_alone else None

    def cost(self) -> GateCost:
        gates = super().cost()
        asked = {int(place): cast(PooledHead, asker).linear.weight.numel() for place, asker in self.askers.items()}
        return replace(gates, layer=tuple(macs + asked.get(index, 0) for index, macs in enumerate(gates.layer)))


def _askers(backbone: Backbone) -> nn.ModuleDict:
    """Classifiers by the index of the block that they stand in front of."""
    sizes, classes = map_sizes(backbone), backbone.classifier.out_features
    return nn.ModuleDict(
        {
            str(index): PooledHead(backbone.blocks[index].in_channels, sizes[index - 1], classes)
            for index in stage_starts(backbone)
        }
    )


def _widened(nets: Modules[ScoreNet] | None, widths: list[int]) -> Modules[ScoreNet] | None:
    """Gates of other ``widths``, with the same mean scores."""
    if nets is None:
        return None
    return Modules(ScoreNet(width, net.linear.bias.detach()) for net, width in zip(nets, widths))


def pooled(x: Tensor, sees: str) -> Tensor:
    """What is seen of each channel of ``[N, C, H, W]``: its mean, and behind all means what else: ``[N, C or 2 C]``."""
    mean = x.mean((2, 3))
    if sees == "mean":
        return mean
    return torch.cat([mean, x.amax((2, 3)) if sees == "maximum" else x.std((2, 3), unbiased=False)], 1)


def entropy(logits: Tensor) -> Tensor:
    """Of the softmax, in nats: ``[N, classes]`` to ``[N, 1]``."""
    return torch.distributions.Categorical(logits=logits.float(), validate_args=False).entropy()[:, None]


@dataclass(frozen=True)
class InformedLoss(ConditionalLoss):
    """Adds the losses of the classifiers that gates ask. They see detached features: nothing else learns from these."""

    def _of_answers(self, network: DynamicNetwork, step: TrainingBatch) -> Tensor:
        loss = super()._of_answers(network, step)
        return loss + sum(step.task_loss(logits) for logits in cast(InformedRouter, network.router).told)
