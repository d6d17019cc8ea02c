"""Small networks of a method, and images, that checks are made on."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from bench.measurement.conformance.comparison import run
from bench.methods.interface import Budget, Method, Stage, TrainingBatch
from bench.networks.backbones import Backbone, build_backbone
from bench.networks.cascade import Cascade, parts_of
from bench.networks.network import DynamicNetwork

BACKBONE, POINT, IMAGES = "resnet14", 0.5, 12


def point_of(method: Method) -> float | None:
    """The operating point that checks are made at; None where the method has none."""
    return POINT if method.has_points else None


def network_of(method: Method) -> DynamicNetwork:
    """A network of the method in evaluation mode, with all batch norms having seen data."""
    network = _undecided(method).train()
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(32, *network.backbone.image_shape))
    network.eval()
    if network.rule is not None:
        _split(network)
    return network


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


def _undecided(method: Method) -> DynamicNetwork:
    """A network whose gates differ between samples: freshly built ones are wide open, these are drawn around zero."""
    network = method.build(_backbone(), point_of(method))
    for name, parameter in (named for part in parts_of(network) for named in part.router.named_parameters()):
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif parameter.dim() > 1:
            nn.init.normal_(parameter, std=5 / parameter[0].numel() ** 0.5)
    return network


def _backbone() -> Backbone:
    """With every normalisation parameter away from its initial value, so that a forgotten one shows."""
    backbone = build_backbone(BACKBONE, classes=10)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return backbone


def trainable_of(method: Method) -> tuple[DynamicNetwork, list[Stage]]:
    """A network of the method, and the stages that would train it."""
    network = _undecided(method)
    return network, method.stages(network, point_of(method), Budget(epochs=10, pretrained=True))


def batch_at(progress: float) -> TrainingBatch:
    """A batch of noise at some ``progress`` of a stage."""
    labels = torch.arange(32) % 10
    images = torch.randn(32, 3, 32, 32)
    loss = partial(nn.functional.cross_entropy, target=labels, reduction="none")
    return TrainingBatch(images, labels, progress, loss)


def images_of_noise() -> Tensor:
    """Normal noise, of another contrast in each image."""
    return (
        torch.randn(IMAGES, 3, 32, 32, generator=torch.Generator().manual_seed(1))
        * torch.linspace(0.3, 2, IMAGES)[:, None, None, None]
    )
