"""A backbone whose blocks may be gated, sample by sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from bench.networks.blocks import Backbone
from bench.networks.cost import SampleCost, count_backbone, sample_cost
from bench.networks.decisions import BlockDecision, Output, UnitDecision
from bench.networks.router import OpenRouter, Router
from bench.networks.surgery import match_inner_channels


class DynamicNetwork(nn.Module):
    """A backbone and the router that decides about it.

    ``forward`` is the *masked* execution: everything is computed, then multiplied by what was decided. It is what
    training needs. :mod:`bench.execution.skipping` runs the same network without the work that was decided away.

    Under autocast only the backbone and what a router does to feature maps are computed in lower precision: scores and
    decisions are float32, since rounding would move gates across their thresholds.
    """

    def __init__(self, backbone: Backbone, router: Router | None = None):
        super().__init__()
        self.backbone = backbone
        self.router = router or OpenRouter(len(backbone.blocks))
        self.recount()

    def recount(self) -> None:
        """Counts the costs again, after channels were removed."""
        self.backbone_cost = count_backbone(self.backbone)
        self.gate_cost = self.router.cost()

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False):
        """As usual; inner channels that were pruned away in ``state_dict`` are removed here first."""
        match_inner_channels(self.backbone, state_dict, prefix="backbone.")
        result = super().load_state_dict(state_dict, strict, assign)
        self.recount()
        return result

    def forward(self, images: Tensor) -> Output:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` and one decision per block."""
        full_precision = torch.autocast(images.device.type, enabled=False)
        with full_precision:
            trace = self.router.start(images)
        x = self.backbone.stem(images)
        decisions = []
        for index, block in enumerate(self.backbone.blocks):
            glance = self.router.look(index, x).float()
            with full_precision:
                layer = self.router.decide_layer(index, glance, trace)
                channels = self.router.decide_channels(index, glance, trace)
            units: list[UnitDecision] = []
            x = block(x, None if layer.certain else layer.scale, None if channels is None else channels.scale, units)
            decisions.append(BlockDecision(layer, channels, tuple(units)))
        return Output(self.backbone.head(x), tuple(decisions), trace)

    def cost(self, output: Output) -> SampleCost:
        """MACs of each sample of ``output``; differentiable where the gates are."""
        return sample_cost(self.backbone_cost, self.gate_cost, output.decisions)

    def macs_fraction(self, output: Output) -> Tensor:
        """MACs of each sample relative to the dense backbone, ``[N]``; gates included, so it can exceed 1."""
        return self.cost(output).total / self.backbone_cost.total
