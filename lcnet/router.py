"""The router of LC-Net: a Layer-Net and a Channel-Net for every block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.networks.blocks import Backbone
from bench.networks.decisions import ChannelDecision, LayerDecision
from bench.networks.gates import is_open, relu1
from bench.networks.modules import Modules
from bench.networks.router import FoldedGates, GateCost, Router
from lcnet.gates import ORDERS, ScoreNet, channel_nets, layer_nets, unordered_channel_nets

if TYPE_CHECKING:
    from lcnet.method import LCNet

INITIAL_THRESHOLD = -1.0
"""Below every score at the start: all gates are open, and all scales are 1."""


class LCRouter(Router):
    """Scores from the pooled block input, shared by both nets, less one threshold common to all gates, clamped to
    [0, 1]: zero skips, the rest scales.

    The threshold sets the operating point: training raises it until the mean MACs are at their target.

    Args:
        backbone: decides the widths.
        choices: of the method: with a Layer-Net there is one score per block, with a Channel-Net one per inner
            channel; that of a skipped block is not evaluated. Blocks without inner channels have Layer-Nets alone.

    Raises:
        BadInput: there shall be Channel-Nets, and no block has channels to choose.
    """

    threshold: Tensor

    def __init__(self, backbone: Backbone, choices: LCNet):
        super().__init__(len(backbone.blocks))
        self.choices = choices
        blocks = backbone.blocks
        self.register_buffer("threshold", torch.tensor(INITIAL_THRESHOLD))
        # Without affine parameters: standardised inputs let images differ; the linear layers absorb the statistics.
        self.norms = Modules(nn.BatchNorm1d(block.in_channels, affine=False) for block in blocks)
        self.layer_nets: Modules[ScoreNet] | None = None
        self.channel_nets: Modules[ScoreNet] | None = None
        if choices.layers:
            self.layer_nets = layer_nets(blocks, choices.layer_score if choices.channels else None)
        if choices.channels:
            if not any(block.inner_channels for block in blocks):
                raise BadInput(f"no block of {backbone.name} has channels that can be chosen one by one: choose lnet")
            norms = ORDERS.get(choices.order)
            self.channel_nets = channel_nets(blocks, map(norms, blocks)) if norms else unordered_channel_nets(blocks)
        if choices.start:
            self.tell_images_apart(choices.start)

    @torch.no_grad()
    def tell_images_apart(self, strength: float) -> None:
        """Lets stronger features move all scores of a block up together."""
        for net in self.nets():
            nn.init.constant_(net.linear.weight, strength * net.gain)

    def nets(self) -> list[ScoreNet]:
        """All Layer-Nets and Channel-Nets."""
        return [net for nets in (self.layer_nets, self.channel_nets) if nets is not None for net in nets]

    def weights(self) -> list[nn.Parameter]:
        """What learns: by how much images differ from the mean scores, which stay.

        The backbone's weights can make good any scale that is common to all images, so the gradient of a mean score
        says little about what a gate is worth.
        """
        return [cast(nn.Parameter, net.linear.weight) for net in self.nets()]

    def gate_input(self, index: int, x: Tensor) -> Tensor:
        # Detached: a nearly constant channel is blown up by the standardisation, and so would its gradient be.
        return self.norms[index](x.mean((2, 3)).detach())

    def threshold_for(self, index: int, features: Tensor) -> Tensor:
        """What scores of block ``index`` are compared with: one number, or one for each image, ``[N]``."""
        return self.threshold

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        if self.layer_nets is None:
            return LayerDecision.always(features)
        score = self.layer_nets[index](features).squeeze(1) - self.threshold_for(index, features)
        return LayerDecision(is_open(score), relu1(score))

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision | None:
        if self.channel_nets is None or not self.channel_nets[index].outputs:
            return None
        threshold = self.threshold_for(index, features)[..., None]
        score = self.choices.sharpness * (self.channel_nets[index](features) - threshold)
        return ChannelDecision(is_open(score), relu1(score))

    def folded_gates(self, index: int) -> FoldedGates:
        def fold(nets: Modules[ScoreNet] | None, sharpness: float) -> nn.Linear | None:
            if nets is None or not nets[index].outputs:
                return None
            return nets[index].folded(self.norms[index], self.threshold, sharpness)

        return FoldedGates(fold(self.layer_nets, 1.0), fold(self.channel_nets, self.choices.sharpness))

    def cost(self) -> GateCost:
        def macs(nets: Modules[ScoreNet] | None) -> tuple[int, ...]:
            return (0,) * self.blocks if nets is None else tuple(net.macs for net in nets)

        return GateCost(0, macs(self.layer_nets), macs(self.channel_nets))
