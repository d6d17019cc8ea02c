"""Channels within a branch of somebody else's modules: hidden units that one layer writes and the next one reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import fx, nn

from bench.networks.backbones.traced.graph import module_of

POINTWISE = (nn.Dropout, nn.ELU, nn.GELU, nn.Hardswish, nn.Identity, nn.LeakyReLU, nn.Mish, nn.ReLU, nn.ReLU6, nn.SiLU)
"""Layers that treat all numbers alike, beside the activations of timm's own."""


@dataclass(frozen=True)
class Inner:
    """Where the inner channels of a branch stand.

    Attributes:
        writers: steps from the layer that writes them to the last one in front of the reader.
        reader: the step that reads them.
    """

    writers: Sequence[fx.Node]
    reader: fx.Node


def find_inner(model: nn.Module, branch: Sequence[fx.Node]) -> Inner | None:
    """The last place in a branch where channels can be chosen one by one; None if there is none.

    Between the layer that writes them (linear, or a convolution without groups) and the one that reads them stands
    nothing but what treats each channel by itself: activations, batch norms, depthwise convolutions.
    """
    places = [index for index, step in enumerate(branch) if is_dense(module_of(model, step))]
    for first, last in reversed(list(pairwise(places))):
        steps = branch[first : last + 1]
        apart = all(_keeps_channels_apart(module_of(model, step)) for step in steps[1:-1])
        if apart and all(_follows(step, before) for before, step in pairwise(steps)):
            return Inner(steps[:-1], steps[-1])
    return None


def is_dense(module: nn.Module | None) -> bool:
    """Whether each output of a layer reads all its inputs, and could do without some of them."""
    return type(module) is nn.Linear or (isinstance(module, nn.Conv2d) and module.groups == 1)


def _keeps_channels_apart(module: nn.Module | None) -> bool:
    if isinstance(module, nn.Conv2d):
        return module.groups == module.in_channels == module.out_channels
    return isinstance(module, (*POINTWISE, nn.BatchNorm2d)) or type(module).__module__ == "timm.layers.activations"


def _follows(step: fx.Node, before: fx.Node) -> bool:
    """Whether ``step`` reads ``before`` alone, and nothing else does."""
    return step.all_input_nodes == [before] and list(before.users) == [step]
