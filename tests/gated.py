"""Gated networks that differ between samples, and what is required of any execution of them."""

from __future__ import annotations

import torch
from torch import nn

from bench.networks.backbones import Backbone, ConvUnit, ResidualBlock
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.decisions import ChannelDecision, LayerDecision
from bench.networks.exits import Exits, PooledHead, map_sizes
from bench.networks.network import DynamicNetwork
from bench.networks.router import FoldedGates, GateCost, Router
from bench.networks.stopping import StopRule, log_odds

OPEN, CLOSED = 1e3, -1e3
IMAGES = 7


class BiasedRouter(Router):
    """Gates whose scores are drawn around what opens the share ``keep`` of them; 0 and 1 close and open all."""

    def __init__(self, backbone: Backbone, layers: float | None, channels: float | None, menu: int | None = None):
        super().__init__(len(backbone.blocks))
        self.menu = menu
        self.widths = [block.inner_channels for block in backbone.blocks]
        self.layer_gates = self._gates(backbone, [1] * self.blocks, layers)
        self.channel_gates = self._gates(backbone, [menu] * self.blocks if menu else self.widths, channels)

    @staticmethod
    def _gates(backbone: Backbone, outputs: list[int], keep: float | None) -> nn.ModuleList | None:
        if keep is None:
            return None
        gates = nn.ModuleList(nn.Linear(block.in_channels, count) for block, count in zip(backbone.blocks, outputs))
        for gate in gates:
            nn.init.normal_(gate.bias, (keep - 0.5) * 4, 1.0)
            if keep in (0, 1):
                nn.init.constant_(gate.bias, OPEN if keep else CLOSED)
        return gates

    def folded_gates(self, index):
        layer = None if self.layer_gates is None else self.layer_gates[index]
        channels = None if self.channel_gates is None else self.channel_gates[index]
        return FoldedGates(layer, channels, self.menu)

    def decide_layer(self, index, features, state):
        if self.layer_gates is None:
            return super().decide_layer(index, features, state)
        scale = self.layer_gates[index](features).squeeze(1).clamp(0, 1)
        return LayerDecision((scale > 0).float(), scale)

    def decide_channels(self, index, features, state):
        if self.channel_gates is None:
            return None
        score = self.channel_gates[index](features)
        if self.menu:
            score = score.cummin(1).values.repeat_interleave(self.widths[index] // self.menu, 1)
        scale = score.clamp(0, 1)
        return ChannelDecision((scale > 0).float(), scale)

    def cost(self):
        ones = (1,) * self.blocks
        return GateCost(0, ones, ones)


def unit(inputs: int, outputs: int, size: int, stride: int = 1, activation: bool = True) -> ConvUnit:
    return ConvUnit(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs), activation
    )


def bottlenecks(width: int) -> Backbone:
    """A large strided stem with a max pool, bottleneck blocks with projections, one of them strided, and without."""

    def block(inputs: int, inner: int, stride: int, projects: bool) -> ResidualBlock:
        outputs = 4 * inner
        units = [unit(inputs, inner, 1), unit(inner, inner, 3, stride), unit(inner, outputs, 1, activation=False)]
        return ResidualBlock(units, unit(inputs, outputs, 1, stride, False) if projects else nn.Identity())

    inner = width // 2
    blocks = [block(width, inner, 1, True), block(4 * inner, inner, 1, False), block(4 * inner, 2 * inner, 2, True)]
    stem = nn.Sequential(unit(3, width, 7, 2), nn.MaxPool2d(3, 2, 1))
    return Backbone("bottlenecks", stem, blocks, nn.Linear(8 * inner, 5), image_shape=(3, 32, 32))


BACKBONES = {
    "basic": lambda: cifar_resnet(14),
    "basic, projections": lambda: cifar_resnet(8, shortcut="B"),
    "basic, odd widths": lambda: cifar_resnet(14, width=0.69),
    "bottleneck": lambda: bottlenecks(16),
    "bottleneck, odd widths": lambda: bottlenecks(22),
}


@torch.no_grad()
def build(backbone: Backbone, router: Router | None = None) -> DynamicNetwork:
    """In evaluation mode, with statistics and affine parameters of all batch norms away from their initial values."""
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
            module.momentum = 1.0
    backbone.train()(torch.randn(16, *backbone.image_shape))
    return DynamicNetwork(backbone, router).eval()


def images(count: int, height: int = 32, width: int = 32) -> torch.Tensor:
    scale = torch.linspace(0.3, 2, IMAGES)[:count, None, None, None]
    return torch.randn(IMAGES, 3, height, width, generator=torch.Generator().manual_seed(1))[:count] * scale


@torch.no_grad()
def assert_same(masked: DynamicNetwork, native: nn.Module, x: torch.Tensor, again: bool = True) -> None:
    """``again``: what comes behind the first pass is the same once more."""
    expected, found = masked(x), native(x)
    largest = expected.logits.abs().max()
    torch.testing.assert_close(found.logits / largest, expected.logits / largest, rtol=0, atol=1e-4)
    assert torch.equal(found.executed(), expected.executed())
    for theirs, ours in zip(expected.decisions, found.decisions):
        torch.testing.assert_close(ours.layer.scale, theirs.layer.scale, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(ours.kept_fraction, theirs.kept_fraction)
        assert (ours.channels is None) == (theirs.channels is None)
        if theirs.channels is not None:
            executed = theirs.layer.executed[:, None]
            torch.testing.assert_close(ours.channels.scale, theirs.channels.scale * executed, rtol=1e-4, atol=1e-4)
    assert torch.equal(native.cost(found).total, masked.cost(expected).total)
    assert torch.equal(native.cost(found).gates, masked.cost(expected).gates)
    if again:
        assert torch.equal(native.predict(x), found.logits)


def with_exits(seed: int, router: bool = False) -> DynamicNetwork:
    """A ResNet-14 with exits behind three blocks, at each of which about a third of ``images`` stops."""
    torch.manual_seed(seed)
    backbone = cifar_resnet(14)
    build(backbone)
    sizes = map_sizes(backbone)
    heads = {index: PooledHead(backbone.blocks[index].out_channels, sizes[index], 10) for index in (0, 2, 4)}
    for head in heads.values():
        nn.init.normal_(head.mix)
        nn.init.normal_(head.linear.weight, std=0.3)
    network = DynamicNetwork(backbone, BiasedRouter(backbone, 0.5, 0.5) if router else None, Exits(heads, StopRule(3)))
    with torch.no_grad():
        network.eval().rule.thresholds.fill_(torch.inf)
        given = network(images(IMAGES)).exits.given
    # Half-way between two scores, so that rounding decides nothing.
    scores = torch.stack([log_odds(logits) for logits in given[:-1]]).sort().values
    network.rule.thresholds.copy_((scores[:, 4] + scores[:, 5]) / 2)
    return network
