"""Networks with random weights and random gates that keep a given share: to time the executor apart from training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bench.networks.backbones import Backbone, build_backbone
from bench.networks.cascade import Cascade, Member
from bench.networks.decisions import ChannelDecision, LayerDecision
from bench.networks.exits import Exits, PooledHead, exit_places, map_sizes
from bench.networks.network import DynamicNetwork
from bench.networks.router import FoldedGates, GateCost, Router
from bench.networks.stopping import BEYOND, StopRule, log_odds
from bench.networks.surgery import keep_inner

SHARPNESS = 1e4
"""Scores are so large that open gates are saturated: branches and channels are not scaled."""
ALWAYS = 1e6
EXIT_SHARES = (0.25, 0.5)
"""Of the MACs, behind which exits stand."""


class RandomRouter(Router):
    """One linear gate per block for the layer, one for the channels (or the steps of a menu), on the pooled input.

    The first pass sets the biases: every gate opens for a share of the samples that it sees there.
    """

    def __init__(self, backbone: Backbone, keep: float, layers: bool, channels: bool, menu: int | None):
        super().__init__(len(backbone.blocks))
        blocks = backbone.blocks
        self.widths = [block.inner_channels for block in blocks]
        self.menu = menu
        self.calibrating = True
        self.keep = keep**0.5 if layers and channels else keep
        self.layer_nets = nn.ModuleList(nn.Linear(block.in_channels, 1) for block in blocks) if layers else None
        self.channel_nets = (
            nn.ModuleList(nn.Linear(block.in_channels, menu or block.inner_channels) for block in blocks)
            if channels
            else None
        )
        for linear in self.modules():
            if isinstance(linear, nn.Linear):
                # The steps of a menu follow one score and differ by their thresholds.
                rows = nn.init.normal_(torch.empty(1 if menu else linear.out_features, linear.in_features))
                linear.weight = nn.Parameter(SHARPNESS * rows.expand_as(linear.weight).contiguous())

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        if self.layer_nets is None:
            return LayerDecision.always(features)
        scale = self._scores(self.layer_nets[index], features, [self.keep]).squeeze(1).clamp(0, 1)
        return LayerDecision((scale > 0).float(), scale)

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision | None:
        if self.channel_nets is None:
            return None
        scores = self._scores(self.channel_nets[index], features, self._step_shares())
        if self.menu:
            scores = scores.cummin(1).values.repeat_interleave(self.widths[index] // self.menu, 1)
        scale = scores.clamp(0, 1)
        return ChannelDecision((scale > 0).float(), scale)

    def folded_gates(self, index: int) -> FoldedGates:
        layer = self.layer_nets and self.layer_nets[index]
        channels = self.channel_nets and self.channel_nets[index]
        return FoldedGates(layer or None, channels or None, self.menu)

    def cost(self) -> GateCost:
        def macs(nets: nn.ModuleList | None) -> tuple[int, ...]:
            return tuple(net.weight.numel() for net in nets) if nets else (0,) * self.blocks

        return GateCost(0, macs(self.layer_nets), macs(self.channel_nets))

    def _scores(self, linear: nn.Linear, features: Tensor, shares: list[float]) -> Tensor:
        if self.calibrating:
            nn.init.zeros_(linear.bias)
            scores = linear(features)
            shares = shares * (scores.shape[1] // len(shares))
            thresholds = [scores[:, column].quantile(1 - share) for column, share in enumerate(shares)]
            always = torch.tensor([ALWAYS * (share == 1) for share in shares], device=features.device)
            linear.bias.copy_(always - torch.stack(thresholds))
        return linear(features)

    def _step_shares(self) -> list[float]:
        """For each score the share of samples that open it: widths spread around ``keep``, which is their mean."""
        if not self.menu:
            return [self.keep]
        return [min(1.0, max(0.0, 0.5 * (self.keep * self.menu - step) + 0.25)) for step in range(self.menu)]


@torch.no_grad()
def random_network(
    name: str, keep: float, images: Tensor, layers: bool = False, channels: bool = False, menu: int | None = None
) -> DynamicNetwork:
    """A network whose gates keep the share ``keep`` over ``images``; with both kinds of gates each its square root."""
    backbone = NETWORKS[name]().to(images.device)
    network = DynamicNetwork(backbone, RandomRouter(backbone, keep, layers, channels, menu).to(images.device))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    for part in images.split(64)[:1]:
        backbone.train()(part)
    network.eval()(images)
    network.router.calibrating = False
    return network


@torch.no_grad()
def random_exits(name: str, keep: float, images: Tensor) -> DynamicNetwork:
    """A network with exits behind a quarter and a half of its MACs, at the first of which so many ``images`` stop that
    about ``keep`` of the MACs is spent."""
    network = random_network(name, 1.0, images)
    backbone = network.backbone
    places, sizes = exit_places(backbone, EXIT_SHARES), map_sizes(backbone)
    heads = {
        index: PooledHead(backbone.blocks[index].out_channels, sizes[index], backbone.classifier.out_features)
        for index in places
    }
    network = DynamicNetwork(backbone, exits=Exits(heads, StopRule(len(heads))).to(images.device)).eval()
    network.rule.thresholds.fill_(torch.inf)
    given = network(images).exits.given
    # Those who stop early do so at the first: their share follows from what stopping there saves.
    stopping = min(1.0, (1 - keep) / (1 - EXIT_SHARES[0]))
    network.rule.thresholds[0] = log_odds(given[0]).quantile(1 - stopping)
    network.rule.thresholds.clamp_(max=BEYOND)
    return network


@torch.no_grad()
def random_cascade(first: str, name: str, keep: float, images: Tensor) -> Cascade:
    """Two networks, the second of which is asked about as many ``images`` as spend ``keep`` of its MACs in the mean.

    Where the first one alone costs more than that, the second is asked about none.
    """
    members = [DynamicNetwork(random_network(one, 1.0, images).backbone).eval() for one in (first, name)]
    network = Cascade(members, [Member("dense", None, one) for one in (first, name)]).eval()
    asked = max(0.0, keep - members[0].backbone_cost.total / members[1].backbone_cost.total)
    network.rule.thresholds[0] = log_odds(members[0](images).logits).quantile(asked)
    network.rule.thresholds.clamp_(max=BEYOND)
    return network


@torch.no_grad()
def pruned_network(name: str, keep: float) -> DynamicNetwork:
    """The rivals' static form: in every block the first ``keep`` of the channels inside the branch, for all images."""
    backbone = NETWORKS[name]()
    for block in backbone.blocks:
        for index, unit in enumerate(block.units[:-1]):
            keep_inner(block, index, torch.arange(max(1, round(keep * unit.conv.out_channels))))
    return DynamicNetwork(backbone).eval()


NETWORKS: dict[str, Callable[[], Backbone]] = {
    "resnet8-w0.25": lambda: build_backbone("resnet8-w0.25", classes=10),
    "resnet20": lambda: build_backbone("resnet20", classes=10),
    "resnet56": lambda: build_backbone("resnet56", classes=10),
    "resnet110": lambda: build_backbone("resnet110", classes=10),
    "resnet50": lambda: build_backbone("resnet50", 1000, "imagenet"),
    "resnet101": lambda: build_backbone("resnet101", 1000, "imagenet"),
}
