"""Structural pruning by a dependency graph, DepGraph (Fang, Ma, Song, Mi, Wang, CVPR 2023, arXiv 2301.12900).

Layers whose channels can only go together form a group; the authors' package Torch-Pruning finds the groups of any
network from its backward graph. Here every group loses the same share of its channels, those of the smallest group
norm, in one shot before fine-tuning; the share is solved for the operating point. So networks that are no ResNets of
ours have a static rival, too. What is ours:

- channels of residual sums and of attention heads stay: what is cut lies within one branch, or outside all of them;
- at least one channel of each group stays, and of a grouped convolution as many in each of its groups;
- one share for all groups, as for our other rivals; the paper's sparse training comes before it and is left out.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from baselines.dense import Dense
from baselines.pruning import STEPS, strongest
from bench.errors import BadInput
from bench.methods import MethodInfo, nearest_step
from bench.networks import Backbone, DynamicNetwork, count_backbone
from bench.system.packages import require_package

ATTENTION = "Attention"
"""End of the names of classes whose channels are divided among heads."""


@dataclass(frozen=True)
class DepGraph(Dense):
    """The weakest channels of every group go.

    Attributes:
        norm: a channel's importance is the sum of its weights' absolute values to this power, over all layers of its
            group that compute or read it; the paper's is 2.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        decides="nothing (channels removed for all images)",
        looks_at="weights of coupled layers",
        paper="Fang et al., DepGraph: Towards Any Structural Pruning, CVPR 2023, arXiv 2301.12900",
        year=2023,
    )
    has_points: ClassVar[bool] = True
    package: ClassVar[str] = "torch-pruning"
    norm: int = 2

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        """As :meth:`bench.methods.Method.build`.

        Raises:
            BadInput: Torch-Pruning is not installed, or nothing in the network can be cut.
        """
        assert point is not None
        dense = count_backbone(backbone).total

        def fraction(step: int) -> float:
            return count_backbone(self.prune(copy.deepcopy(backbone), step / STEPS)).total / dense

        share = nearest_step(fraction, 1, STEPS, point) / STEPS
        return DynamicNetwork(self.prune(backbone, share))

    def prune(self, backbone: Backbone, share: float) -> Backbone:
        """Keeps of every group this share of its channels; in place."""
        groups = Groups(backbone)
        # All are chosen before any goes.
        chosen = [strongest_of(self.importance(group), groups.divided(group), share) for group in groups.free]
        for group, kept in zip(groups.free, chosen):
            groups.keep(group, kept)
        return backbone

    def importance(self, group: Any) -> Tensor:
        """How much each channel of a group matters, ``[C]``."""
        return _torch_pruning().importance.GroupMagnitudeImportance(p=self.norm)(group)


class Groups:
    """The groups of a backbone whose channels may go.

    Attributes:
        free: groups of Torch-Pruning's, each over all of its channels.
    """

    def __init__(self, backbone: Backbone):
        training = backbone.training
        with torch.enable_grad(), warnings.catch_warnings(action="ignore"):  # on parameters that no layer holds
            images = torch.zeros(1, *backbone.image_shape, device=next(backbone.parameters()).device)
            self.graph = _torch_pruning().DependencyGraph().build_dependency(backbone, example_inputs=images)
        backbone.train(training)
        self.free = [group for group in self._all() if _is_free(_layers(group), backbone)]
        if not self.free:
            raise BadInput(f"no channels of {backbone.name} can be cut: residual sums or attention hold all of them")

    def _all(self) -> Sequence[Any]:
        return list(self.graph.get_all_groups(root_module_types=[nn.Conv2d, nn.Linear]))

    def divided(self, group: Any) -> int:
        """Into how many equal parts the channels are divided by grouped convolutions, of which each keeps as many."""
        layers = [layer for layer in _layers(group) if isinstance(layer, nn.Conv2d)]
        return max([layer.groups for layer in layers if layer.groups not in (1, layer.in_channels)], default=1)

    def keep(self, group: Any, kept: Tensor) -> None:
        """Removes all channels of a group but ``kept`` (indices), in every layer that has them."""
        root = group[0].dep
        removed = sorted({*range(self.graph.get_out_channels(root.target.module))} - {*kept.tolist()})
        self.graph.get_pruning_group(root.target.module, root.handler, removed).prune()


def strongest_of(importance: Tensor, parts: int, share: float) -> Tensor:
    """Indices of a share of the largest values, ascending; of each of ``parts`` equal parts the same."""
    each = importance.view(parts, -1)
    kept = strongest(each.mean(0), max(1, round(share * each.shape[1])))
    return (torch.arange(parts, device=kept.device)[:, None] * each.shape[1] + kept).flatten()


def _layers(group: Any) -> list[nn.Module]:
    """The layers with weights that a group cuts."""
    return [dep.target.module for dep, _ in group if hasattr(dep.target.module, "weight")]


def _is_free(layers: Sequence[nn.Module], backbone: Backbone) -> bool:
    """Whether channels may go: they lie in one branch, or in none, and are neither logits nor divided among heads."""
    branch = {
        module: index
        for index, block in enumerate(backbone.blocks)
        for part in block.parts
        for module in part.modules()
    }
    heads = {
        child for each in backbone.modules() if type(each).__name__.endswith(ATTENTION) for child in each.modules()
    }
    is_classifier = layers[0] is backbone.classifier
    return len({branch.get(layer) for layer in layers}) == 1 and not heads & {*layers} and not is_classifier


def _torch_pruning() -> ModuleType:
    """The package, imported on demand: it is optional, and takes its time."""
    require_package(DepGraph.package, "depgraph")
    return import_module("torch_pruning")
