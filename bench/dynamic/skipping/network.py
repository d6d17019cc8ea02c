"""A dynamic network in the form that inference wants."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from bench.dynamic.cost import SampleCost, sample_cost
from bench.dynamic.decisions import BlockDecision, ChannelDecision, LayerDecision, Output
from bench.dynamic.network import DynamicNetwork
from bench.dynamic.skipping.block import lower, lower_unit


def skip(network: DynamicNetwork) -> SkippingNetwork:
    """``network`` as it stands, for inference on the device where it lies; ``network`` itself is not changed."""
    return SkippingNetwork(network)


class SkippingNetwork(nn.Module):
    """The same logits and decisions as the masked network, without the work that was decided away.

    At batch 1 a skipped block is not run and a channel that is off is not computed. In a larger batch the samples
    that execute a block are gathered, run and put back. Weights are a copy in another layout: neither later training
    of the network nor ``.to`` reaches them.
    """

    def __init__(self, network: DynamicNetwork):
        super().__init__()
        network = copy.deepcopy(network).eval().requires_grad_(False)
        self.router = network.router
        self.classifier = network.backbone.classifier
        self.backbone_cost = network.backbone_cost
        self.gate_cost = network.gate_cost
        self.stem = lower_unit(network.backbone.stem)
        self.blocks = [lower(block) for block in network.backbone.blocks]
        self.eval()

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Output:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` and one decision per block, for all N samples."""
        trace = self.router.start(images)
        x = self.stem(images.contiguous(memory_format=torch.channels_last))
        decisions = []
        for index in range(len(self.blocks)):
            x, decision = self._step(index, x, trace)
            decisions.append(decision)
        return Output(self.classifier(x.mean((2, 3))), tuple(decisions), trace)

    def cost(self, output: Output) -> SampleCost:
        """MACs of each sample of ``output``."""
        return sample_cost(self.backbone_cost, self.gate_cost, output.decisions)

    def _step(self, index: int, x: Tensor, trace: Any) -> tuple[Tensor, BlockDecision]:
        block = self.blocks[index]
        glance = self.router.look(index, x)
        layer = self.router.decide_layer(index, glance, trace)
        active = layer.executed.nonzero().squeeze(1)
        if len(active) == 0:
            return block.pass_by(x), BlockDecision(layer)
        if len(active) == len(x):
            channels = self.router.decide_channels(index, glance, trace)
            return block.run(x, layer.scale, channels), BlockDecision(layer, channels)
        channels = self.router.decide_channels(index, glance[active], trace)
        executed = block.run(x[active], layer.scale[active], channels)
        x = block.pass_by(x).index_copy_(0, active, executed)
        return x, BlockDecision(layer, _spread(layer, active, channels))


def _spread(layer: LayerDecision, active: Tensor, channels: ChannelDecision | None) -> ChannelDecision | None:
    """The channel decision of the active samples, with zeros for the others of the batch."""
    if channels is None:
        return None
    rows = layer.executed.new_zeros(len(layer.executed), channels.kept.shape[1])
    return ChannelDecision(rows.index_copy(0, active, channels.kept), rows.index_copy(0, active, channels.scale))
