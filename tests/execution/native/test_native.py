"""Native execution is the masked network, sample by sample, on every instruction set, whatever the batch."""

from __future__ import annotations

import copy
import gc
import threading

import pytest
import torch
from gated import BACKBONES, IMAGES, BiasedRouter, assert_same, bottlenecks, build, images, unit, with_exits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from baselines.fbs import FBS
from baselines.skipnet import SkipNet
from bench.errors import BadInput
from bench.execution import to_inference
from bench.execution.native import NativeNetwork, targets, unsupported_reason
from bench.execution.skipping import SkippingNetwork
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.stopping import Entropy
from lcnet.menu import LCNetMenu, MenuRouter

pytestmark = pytest.mark.skipif(not targets(), reason="the native executor was not built")
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
