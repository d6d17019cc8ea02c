"""LC-Net with a menu of widths: a block keeps the first quarter, half, three quarters or all of its inner channels.

Stock kernels gain nothing from a choice of single channels, since packing the chosen weights costs more than it saves.
The weights of four widths are packed once. Ours, not the paper's; the operating point is that of a method of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from bench.errors import BadInput
from bench.methods import Budget, MethodInfo, Stage, later_choice
from bench.networks.blocks import Backbone
from bench.networks.decisions import ChannelDecision, LayerDecision
from bench.networks.gates import is_open, relu1
from bench.networks.network import DynamicNetwork
from bench.networks.router import FoldedGates
from bench.networks.surgery import sort_inner
from lcnet.gates import channel_nets
from lcnet.labels import NarrowestLabels
from lcnet.method import PAPER, LCNet
from lcnet.router import LCRouter

MENU = 4


class MenuRouter(LCRouter):
    """As :class:`LCRouter`, but a Channel-Net has one score for each of ``MENU`` equal groups of channels.

    A group is open while its score and those of all groups before it are: it takes the running minimum.

    Raises:
        BadInput: inner channels that do not divide into ``MENU`` groups.
    """

    def __init__(self, backbone: Backbone, choices: LCNet):
        super().__init__(backbone, choices)
        self.widths = [block.inner_channels for block in backbone.blocks]
        if any(width % MENU for width in self.widths):
            raise BadInput(f"a menu of {MENU} widths needs inner channels in multiples of {MENU}, not {self.widths}")
        # The channels of a group follow each other, in falling order of their filters' norms.
        groups = [block.inner_norms().unflatten(0, (MENU, -1)).mean(1) for block in backbone.blocks]
        self.channel_nets = channel_nets(backbone.blocks, groups)

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision:
        assert self.channel_nets is not None
        above = self.channel_nets[index](features) - self.threshold_for(index, features)[..., None]
        lowest = self.choices.sharpness * above.cummin(1).values
        score = lowest.repeat_interleave(self.widths[index] // MENU, 1)
        return ChannelDecision(is_open(score), relu1(score))

    def folded_gates(self, index: int) -> FoldedGates:
        gates = super().folded_gates(index)
        return FoldedGates(gates.layer, gates.channels, MENU)


class LabelledRouter(MenuRouter):
    """As :class:`MenuRouter`, for gates that have labels.

    Attributes:
        is_narrowest: whether all blocks run, at their narrowest, whatever gates say.
        leanings: of the blocks of a pass, how far scores of wider groups lie above their mean scores, in the mean:
            ``[N]`` each; None where nobody asks.
    """

    def __init__(self, backbone: Backbone, choices: LCNet):
        super().__init__(backbone, choices)
        self.is_narrowest = False
        self.leanings: list[Tensor] | None = None

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        return LayerDecision.always(features) if self.is_narrowest else super().decide_layer(index, features, state)

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision:
        if self.is_narrowest:
            kept = features.new_zeros(len(features), self.widths[index])
            kept[:, : self.widths[index] // MENU] = 1
            return ChannelDecision(kept, kept)
        if self.leanings is not None:
            assert self.channel_nets is not None
            net = self.channel_nets[index]
            self.leanings.append((features * net.gain) @ net.linear.weight[1:].mean(0))
        return super().decide_channels(index, features, state)


@dataclass(frozen=True)
class LCNetMenu(LCNet):
    """Layer-Net, and a Channel-Net that chooses one of four widths.

    Attributes:
        labels: weight of labels for gates: scores of wider groups shall lie higher for images that the network gets
            wrong at its narrowest. They reach gates alone.
    """

    labels: float = later_choice(0.0)

    @property
    def info(self) -> MethodInfo:  # type: ignore[override]
        """What ``bench list methods`` tells."""
        return MethodInfo("layer and width (quarters)", "block input, pooled", PAPER, 2020)

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        for block in backbone.blocks:
            sort_inner(block)
        return DynamicNetwork(backbone, (LabelledRouter if self.labels else MenuRouter)(backbone, self))

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        stages = super().stages(network, point, budget)
        return [replace(one, loss=NarrowestLabels(one.loss, self.labels)) for one in stages] if self.labels else stages
