"""Native execution is the masked network, sample by sample, on every instruction set, whatever the batch."""

from __future__ import annotations

import copy
import gc
import threading

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from baselines.fbs import FBS
from baselines.skipnet import SkipNet
from bench.errors import BadInput
from bench.execution import to_inference
from bench.execution.native import NativeNetwork, targets, unsupported_reason
from bench.execution.skipping import SkippingNetwork
from bench.networks.backbones import Backbone, ConvUnit, ResidualBlock
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.decisions import ChannelDecision, LayerDecision
from bench.networks.exits import Exits, PooledHead, map_sizes
from bench.networks.network import DynamicNetwork
from bench.networks.router import FoldedGates, GateCost, Router
from bench.networks.stopping import Entropy, StopRule, log_odds
from lcnet.menu import LCNetMenu, MenuRouter

pytestmark = pytest.mark.skipif(not targets(), reason="the native executor was not built")
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
def assert_same(masked: DynamicNetwork, native: NativeNetwork, x: torch.Tensor) -> None:
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
    assert torch.equal(native.predict(x), found.logits)


shares = st.sampled_from([None, 0.0, 0.25, 0.5, 0.75, 1.0])


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("name", BACKBONES)
def test_any_gates_any_size_any_batch_are_the_masked_network(name, target):
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(shares, shares, st.integers(1, IMAGES), st.integers(5, 35), st.integers(5, 35), st.sampled_from([1, 2, 3]))
    def check(layers, channels, batch, height, width, threads):
        torch.manual_seed(0)
        torch.set_num_threads(threads)
        backbone = BACKBONES[name]()
        network = build(backbone, BiasedRouter(backbone, layers, channels))
        assert_same(network, NativeNetwork(network, target), images(batch, height, width))

    check()


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("gates", [(None, None), (0.7, None), (None, 0.7)])
def test_wide_convolutions_taken_in_parts_are_the_masked_network_by_any_number_of_threads(gates, target):
    """300 inputs of 1 x 1 and 75 of 3 x 3 kernels, on planes of many tiles: more than are summed at once."""
    torch.manual_seed(4)
    backbone = bottlenecks(150)
    network, x, found = build(backbone, BiasedRouter(backbone, *gates)), images(1, 96, 96), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        native = NativeNetwork(network, target)
        assert_same(network, native, x)
        found.append(native.predict(x))
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.6, 1.0])
def test_a_menu_is_the_masked_network(keep, target):
    torch.manual_seed(1)
    backbone = cifar_resnet(20)
    network = build(backbone, BiasedRouter(backbone, None, keep, menu=4))
    assert_same(network, NativeNetwork(network, target), images(IMAGES))


def test_trained_gates_fold_into_the_native_network():
    torch.manual_seed(2)
    backbone = cifar_resnet(14)
    router = MenuRouter(backbone, LCNetMenu())
    for parameter in router.parameters():
        nn.init.normal_(parameter)
    network = build(backbone, router)
    assert_same(network, NativeNetwork(network), images(IMAGES))


def test_images_of_any_layout():
    network = build(cifar_resnet(8))
    native, x = NativeNetwork(network), images(IMAGES, 32, 40)
    expected = native.predict(x)
    assert torch.equal(native.predict(x.contiguous(memory_format=torch.channels_last)), expected)
    wide = torch.zeros(IMAGES, 3, 64, 40)
    wide[:, :, ::2] = x
    assert torch.equal(native.predict(wide[:, :, ::2]), expected)


def test_nothing_is_left_of_an_image_that_is_not_a_number():
    native, x = NativeNetwork(build(bottlenecks(16))), images(2)
    expected = native.predict(x)
    broken = x.clone()
    broken[0, 0, 3, 3] = float("nan")
    assert native.predict(broken)[0].isnan().all()
    assert torch.equal(native.predict(x), expected)


def test_no_images_no_logits():
    native = NativeNetwork(build(cifar_resnet(8)))
    assert native.predict(images(0)).shape == (0, 10)


def test_two_networks_in_two_threads_and_one_network_in_both():
    torch.manual_seed(3)
    backbones = [cifar_resnet(14), bottlenecks(16)]
    natives = [NativeNetwork(build(one, BiasedRouter(one, 0.5, 0.5))) for one in backbones]
    x = images(IMAGES)
    expected = [[native.predict(part) for part in (x, x[:1])] for native in natives]
    wrong = []

    def work(order: list[int]) -> None:
        for _ in range(20):
            for index in order:
                found = [natives[index].predict(part) for part in (x, x[:1])]
                wrong.extend(index for a, b in zip(found, expected[index]) if not torch.equal(a, b))

    threads = [threading.Thread(target=work, args=(order,)) for order in ([0], [1], [0, 1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_network_may_change_and_go_away():
    network = build(cifar_resnet(8))
    native, x = NativeNetwork(network), images(1)
    expected = native.predict(x)
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    del network
    gc.collect()
    assert torch.equal(native.predict(x), expected)


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(3, 32, 32),
        torch.zeros(1, 4, 32, 32),
        torch.zeros(1, 3, 32, 32, dtype=torch.float64),
        torch.zeros(1, 3, 0, 32),
        torch.zeros(1, 3, 5000, 1),
    ],
)
def test_images_are_checked_at_the_border(x):
    native = NativeNetwork(build(cifar_resnet(8)))
    with pytest.raises(BadInput, match=r"images|float32"):
        native(x)
    with pytest.raises(BadInput, match=r"images|float32"):
        native.predict(x)


def test_sizes_that_do_not_fit_are_named():
    network = build(cifar_resnet(8))
    narrow = copy.deepcopy(network)
    narrow.backbone.classifier = nn.Linear(63, 10)
    with pytest.raises(BadInput, match="classifier does not fit its input of 64"):
        NativeNetwork(narrow).predict(images(1))
    thin = copy.deepcopy(network)
    thin.backbone.blocks[0].units[1] = unit(15, 16, 3, activation=False)
    with pytest.raises(BadInput, match="reads 15 channels, and there are 16"):
        NativeNetwork(thin).predict(images(1))


def test_what_cannot_run_natively_runs_in_pytorch():
    recurrent = SkipNet().build(cifar_resnet(8), 0.5).eval()
    self_gated = FBS().build(cifar_resnet(8), 0.5).eval()
    for network, reason in ((recurrent, "more than linear"), (self_gated, "gate themselves")):
        assert reason in unsupported_reason(network)
        assert isinstance(to_inference(network, "auto"), SkippingNetwork)
        with pytest.raises(BadInput, match=reason):
            to_inference(network, "native")
    assert unsupported_reason(build(cifar_resnet(8))) is None


def test_executors_by_name():
    network = build(cifar_resnet(8))
    assert [to_inference(network, name).executor for name in ("torch", "native", "auto")] == [
        "torch",
        "native",
        "native",
    ]
    with pytest.raises(BadInput, match="executor must be one of"):
        to_inference(network, "cuda")
    with pytest.raises(BadInput, match="native executor has"):
        NativeNetwork(network, "neon")


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


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("router", [False, True])
def test_images_stop_where_the_masked_network_stops(router, target):
    taken = set()
    for seed in range(3):
        network = with_exits(seed, router)
        native = NativeNetwork(network, target)
        for count, threads in ((IMAGES, 1), (IMAGES, 2), (1, 2)):
            torch.set_num_threads(threads)
            with torch.no_grad():
                expected, found = network(images(count)), native(images(count))
            assert torch.equal(found.exits.taken, expected.exits.taken)
            assert_same(network, native, images(count))
            taken |= set(found.exits.taken.tolist())
    assert taken == {0, 1, 2, 3}


@pytest.mark.parametrize("height, width", [(16, 16), (19, 30), (35, 27)])
def test_exits_pool_maps_of_any_size_as_pytorch_does(height, width):
    network = with_exits(0)
    network.rule.thresholds.fill_(-torch.inf)
    assert_same(network, NativeNetwork(network), images(3, height, width))
    with pytest.raises(BadInput, match="an exit does not fit its input"):
        NativeNetwork(network)(images(1, 12, 32))


def test_other_exits_run_in_pytorch():
    network = with_exits(0)
    network.exits.rule = Entropy(3)
    assert "its exits are more than" in unsupported_reason(network)
    with pytest.raises(BadInput, match="cannot be run natively: its exits are more"):
        to_inference(network, "native")
    assert to_inference(network, "auto").executor == "torch"
