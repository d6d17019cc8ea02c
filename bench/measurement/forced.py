"""Networks whose gates are overruled, for checks of what is left when all are open or closed."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from bench.networks.blocks import Backbone, SelfGatedUnit
from bench.networks.decisions import ChannelDecision, LayerDecision
from bench.networks.network import DynamicNetwork
from bench.networks.router import Router


class ForcedRouter(Router):
    """A router whose gates are evaluated and then overruled."""

    def __init__(self, router: Router, opened: bool):
        super().__init__(router.blocks)
        self.router = router
        self.value = float(opened)

    def start(self, images: Tensor) -> Any:
        return self.router.start(images)

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        return self.router.gate_input(index, x)

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        layer = self.router.decide_layer(index, features, state)
        value = torch.full_like(layer.executed, self.value)
        return LayerDecision(value, value)

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision | None:
        channels = self.router.decide_channels(index, features, state)
        if channels is None:
            return None
        value = torch.full_like(channels.kept, self.value)
        return ChannelDecision(value, value)

    def decide_positions(self, index: int, features: Tensor, state: Any) -> Tensor | None:
        positions = self.router.decide_positions(index, features, state)
        return None if positions is None else torch.full_like(positions, self.value)

    def decide_tokens(self, index: int, features: Tensor, state: Any) -> Tensor | None:
        tokens = self.router.decide_tokens(index, features, state)
        return None if tokens is None else torch.full_like(tokens, self.value)

    def cost(self):
        return self.router.cost()


def forced(network: DynamicNetwork, all_open: bool) -> DynamicNetwork:
    """A copy of ``network`` without exits, all of whose gates are open, or closed."""
    return DynamicNetwork(
        opened(network.backbone, all_open), ForcedRouter(copy.deepcopy(network.router), all_open)
    ).eval()


def opened(backbone: Backbone, everything: bool) -> Backbone:
    """A copy whose self-gated units compute everything, or decide as ever."""
    backbone = copy.deepcopy(backbone)
    for unit in backbone.modules():
        if isinstance(unit, SelfGatedUnit):
            unit.opened = everything
    return backbone
