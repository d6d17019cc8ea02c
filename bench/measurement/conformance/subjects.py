"""Small networks of a method, and images, that checks are made on."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor, nn

from bench.measurement.conformance.comparison import run
from bench.methods.interface import Budget, Method, Stage, TrainingBatch
from bench.networks.backbones import Backbone, build_backbone
from bench.networks.cascade import Cascade, parts_of
from bench.networks.network import DynamicNetwork

POINT, IMAGES = 0.5, 12
SHAPE = (3, 16, 16)
"""Of an image: small, since no check asks for more than a few pixels after the last stage."""


@dataclass(frozen=True)
class Subject:
    """A method under examination, and small networks of it with random weights.

    Attributes:
        method: what is examined.
    """

    method: Method

    @property
    def point(self) -> float | None:
        """The operating point that checks are made at; None where the method has none."""
        return POINT if self.method.has_points else None

    def network(self) -> DynamicNetwork:
        """A network of its own for one check, in evaluation mode; all batch norms have seen data."""
        return copy.deepcopy(self._settled)

    @cached_property
    def _settled(self) -> DynamicNetwork:
        network = self._undecided().train()
        with torch.no_grad():
            for _ in range(20):
                network(torch.randn(32, *SHAPE))
        network.eval()
        if network.rule is not None:
            _split(network)
        return network

    def _undecided(self) -> DynamicNetwork:
        """A network whose gates differ between samples: fresh gates are wide open, these are drawn around zero."""
        network = self.method.build(backbone_of(self.method), self.point)
        for name, parameter in (named for part in parts_of(network) for named in part.router.named_parameters()):
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.dim() > 1:
                nn.init.normal_(parameter, std=5 / parameter[0].numel() ** 0.5)
        return network

    def trainable(self) -> tuple[DynamicNetwork, list[Stage]]:
        """A network of the method, and the stages that would train it."""
        network = self._undecided()
        return network, self.method.stages(network, self.point, Budget(epochs=10, pretrained=True))


@torch.no_grad()
def _split(network: DynamicNetwork | Cascade) -> None:
    """Thresholds by which about every other sample that comes to an answer stops there."""
    exits, rule = run(network, images_of_noise()).exits, network.rule
    assert exits is not None and exits.given is not None and rule is not None
    given, left = exits.given, torch.arange(IMAGES)
    for number in range(len(given) - 1):
        scores = rule.score(list(given[: number + 1]))
        ordered = scores[left].sort().values
        middle = len(ordered) // 2
        # Half-way between two scores: one that lies on its threshold may fall to either side.
        rule.thresholds[number] = ordered[middle - 1 : middle + 1].mean() if middle else torch.inf
        left = left[scores[left] <= rule.thresholds[number]]


def backbone_of(method: Method) -> Backbone:
    """What ``method`` is verified on, with batch norms away from their initial values: a forgotten one shows."""
    backbone = build_backbone(method.verified_on, classes=10)
    backbone.image_shape = SHAPE
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return backbone


def batch_at(progress: float, views: int = 1) -> TrainingBatch:
    """A batch of noise at some ``progress`` of a stage; ``views`` of one image are alike in their label alone."""
    labels = torch.arange(32).repeat_interleave(views) % 10
    images = torch.randn(len(labels), *SHAPE)
    loss = partial(nn.functional.cross_entropy, target=labels, reduction="none")
    return TrainingBatch(images, labels, progress, loss, views)


def images_of_noise() -> Tensor:
    """Normal noise, of another contrast in each image."""
    return (
        torch.randn(IMAGES, *SHAPE, generator=torch.Generator().manual_seed(1))
        * torch.linspace(0.3, 2, IMAGES)[:, None, None, None]
    )
