"""Skipping execution is the masked network, sample by sample, whatever the batch."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from baselines.blockdrop import BlockDrop
from baselines.fbs import FBS
from baselines.skipnet import SkipNet
from bench.execution.skipping import lower
from bench.measurement.counting import count_each
from bench.networks import map_sizes
from bench.networks.backbones import ConvUnit, ResidualBlock
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.decisions import ChannelDecision, LayerDecision
from bench.networks.network import DynamicNetwork
from bench.networks.router import GateCost, Router
from lcnet.method import LCNet
from lcnet.router import LCRouter

IMAGES, SIZE = 8, 16


@pytest.fixture(autouse=True)
def _one_thread(_threads):
    """Tiny convolutions: a second thread would only be waited for."""
    torch.set_num_threads(1)


class KindRouter(Router):
    """Layers by the image, channels by the features: ``kind`` is some, a prefix, none or all of them."""

    def __init__(self, blocks: list[ResidualBlock], kind: str, soft: bool):
        super().__init__(len(blocks))
        self.widths = [block.inner_channels for block in blocks]
        self.kind, self.soft = kind, soft

    def start(self, images):
        return images.flatten(1)[:, : self.blocks] * 1000

    def gate_input(self, index, x):
        return x.mean((2, 3))

    def decide_layer(self, index, features, state):
        scale = state[:, index].frac().abs()
        executed = (scale > 0.4).float()
        return LayerDecision(executed, executed * scale if self.soft else executed)

    def decide_channels(self, index, features, state):
        count = self.widths[index]
        wave = (torch.arange(features.shape[1])[:, None] + 0.3) * (torch.arange(count) + 0.7)
        scores = (features - features.mean(1, keepdim=True)) @ wave.sin()
        noise = scores[:, :1].sigmoid()
        kept = {
            "some": (scores > 0).float(),
            "prefix": (torch.arange(count) < (noise * 4).round() / 4 * count).float(),
            "nothing": torch.zeros(len(features), count),
            "everything": torch.ones(len(features), count),
        }[self.kind]
        return ChannelDecision(kept, kept * (0.5 + noise) if self.soft else kept)


class PositionRouter(KindRouter):
    """Positions too, from none of an image to all of them."""

    def __init__(self, backbone: nn.Module, kind: str, soft: bool):
        super().__init__(backbone.blocks, kind, soft)
        backbone.image_shape = (3, SIZE, SIZE)
        self.sizes = map_sizes(backbone)
        self.products = tuple(block.in_channels * block.inner_channels for block in backbone.blocks)

    def decide_positions(self, index, features, state):
        size = self.sizes[index]
        place = torch.linspace(-1, 1, size * size).mul(12).sin().reshape(1, 1, size, size)
        return (place > (features.mean(1) * 5).sin()[:, None, None, None]).float()

    def cost(self):
        return GateCost(0, (0,) * self.blocks, self.products)


def bottlenecks() -> nn.Module:
    """A backbone of bottleneck blocks with projection shortcuts, one of them strided."""
    backbone = cifar_resnet(8, shortcut="B")

    def unit(inputs: int, outputs: int, size: int, stride: int = 1, activation: bool = True) -> ConvUnit:
        conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        return ConvUnit(conv, nn.BatchNorm2d(outputs), activation)

    def block(inputs: int, inner: int, outputs: int, stride: int) -> ResidualBlock:
        units = [unit(inputs, inner, 1), unit(inner, inner, 3, stride), unit(inner, outputs, 1, activation=False)]
        return ResidualBlock(units, unit(inputs, outputs, 1, stride, activation=False))

    backbone.blocks = nn.ModuleList([block(16, 8, 32, 1), block(32, 8, 64, 2)])
    return backbone


def settle(network: DynamicNetwork) -> DynamicNetwork:
    """Statistics and affine parameters of all batch norms away from their initial values."""
    for module in network.backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    network.train()
    with torch.no_grad():
        for _ in range(5):
            network(torch.randn(16, 3, SIZE, SIZE))
    return network.eval()


def lc_network(layers: bool, channels: bool) -> DynamicNetwork:
    backbone = cifar_resnet(14)
    router = LCRouter(backbone, LCNet(layers=layers, channels=channels))
    for name, parameter in router.named_parameters():
        nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.normal_(parameter)
    return settle(DynamicNetwork(backbone, router))


def images(count: int = IMAGES) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, SIZE, SIZE, generator=generator) * torch.linspace(0.3, 2, count)[:, None, None, None]


def networks() -> dict[str, DynamicNetwork]:
    torch.manual_seed(0)
    built = {
        "layers": lc_network(True, False),
        "channels": lc_network(False, True),
        "layers and channels": lc_network(True, True),
        "dense": settle(DynamicNetwork(cifar_resnet(8))),
        "image policy": settle(BlockDrop().build(cifar_resnet(8), 0.5)),
        "recurrent gate": settle(SkipNet().build(cifar_resnet(8), 0.5)),
        "self-gated units": settle(FBS().build(cifar_resnet(8), 0.5)),
    }
    for kind in ("some", "prefix", "nothing", "everything"):
        for soft in (False, True):
            backbone = bottlenecks() if soft else cifar_resnet(8)
            built[f"{kind}, soft={soft}"] = settle(DynamicNetwork(backbone, KindRouter(backbone.blocks, kind, soft)))
    for kind in ("some", "nothing"):
        backbone = bottlenecks()
        built[f"positions, {kind}"] = settle(DynamicNetwork(backbone, PositionRouter(backbone, kind, soft=True)))
    return built


NETWORKS = networks()


def assert_same(masked, skipped, expected, found):
    torch.testing.assert_close(found.logits, expected.logits, rtol=1e-4, atol=1e-4)
    assert torch.equal(found.executed(), expected.executed())
    for theirs, ours in zip(expected.decisions, found.decisions):
        torch.testing.assert_close(ours.kept_fraction.double(), theirs.kept_fraction.double())
        torch.testing.assert_close(ours.layer.scale, theirs.layer.scale, rtol=1e-4, atol=1e-4)
    assert torch.equal(skipped.cost(found).total, masked.cost(expected).total)
    assert torch.equal(skipped.cost(found).gates, masked.cost(expected).gates)


@pytest.mark.parametrize("name", NETWORKS)
def test_any_batch_in_any_order_is_the_masked_network(name):
    masked, x = NETWORKS[name], images()
    skipped = lower(masked)

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.integers(0, IMAGES - 1), min_size=1, max_size=IMAGES))
    def check(rows):
        with torch.no_grad():
            assert_same(masked, skipped, masked(x[rows]), skipped(x[rows]))

    check()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_is_its_images_one_by_one(name):
    masked, x = NETWORKS[name], images()
    skipped = lower(masked)
    with torch.no_grad():
        whole = masked(x)
        for index in range(IMAGES):
            alone = skipped(x[index : index + 1])
            torch.testing.assert_close(alone.logits[0], whole.logits[index], rtol=1e-4, atol=1e-4)
            assert skipped.cost(alone).total[0] == masked.cost(whole).total[index]


@pytest.mark.parametrize("kind", ["some", "nothing"])
def test_positions_and_channels_together_cost_what_is_counted(kind):
    network, x = NETWORKS[f"positions, {kind}"], images()
    with torch.no_grad():
        output = network(x)
    kept = torch.stack([decision.positions.mean((1, 2, 3)) for decision in output.decisions])
    assert ((kept > 0) & (kept < 1)).any()
    assert network.cost(output).total.round().long().tolist() == count_each(network, x)


@pytest.mark.parametrize("batch", [1, 5])
def test_predict_is_the_logits_of_forward(batch):
    skipped, x = lower(NETWORKS["layers and channels"]), images(batch)
    assert torch.equal(skipped.predict(x), skipped(x).logits)


def test_images_and_network_are_left_as_they_were():
    masked, x = NETWORKS["layers and channels"], images()
    before, state = x.clone(), copy.deepcopy(masked.state_dict())
    skipped = lower(masked)
    skipped(x)
    skipped(x[:1])
    assert torch.equal(x, before)
    assert all(torch.equal(value, state[name]) for name, value in masked.state_dict().items())


def test_a_skipped_block_is_not_run():
    network = copy.deepcopy(NETWORKS["layers"])
    closed = network.router.layer_nets[3].linear
    nn.init.zeros_(closed.weight)
    nn.init.constant_(closed.bias, -1)
    skipped = lower(network)

    def fail(*_):
        raise AssertionError("a block that nobody executes was run")

    skipped.blocks[3].run = fail
    skipped(images())
    skipped(images(1))


def test_execution_says_what_cannot_be_skipped():
    assert lower(NETWORKS["layers"]).execution == "skipped"
    assert lower(NETWORKS["self-gated units"]).execution == "masked"
