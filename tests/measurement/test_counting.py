"""The independent count equals the reported cost, to the last MAC."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from baselines.skipnet import SkipNet
from bench.execution.skipping import lower
from bench.execution.skipping.convolution import fold
from bench.measurement.counting import _FUSED, count_one, flop_counter_macs
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.network import DynamicNetwork
from lcnet.method import LCNet
from lcnet.router import LCRouter


@pytest.fixture(autouse=True)
def _one_thread(_threads):
    """Tiny convolutions: a second thread would only be waited for."""
    torch.set_num_threads(1)


def _lc(layers: bool, channels: bool) -> DynamicNetwork:
    backbone = cifar_resnet(8, shortcut="B")
    router = LCRouter(backbone, LCNet(layers=layers, channels=channels))
    for name, parameter in router.named_parameters():
        nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.normal_(parameter)
    return DynamicNetwork(backbone, router)


NETWORKS = {
    "layers and channels": lambda: _lc(True, True),
    "recurrent gate": lambda: SkipNet().build(cifar_resnet(8), 0.5),
    "dense": lambda: DynamicNetwork(cifar_resnet(8)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_counted_macs_are_the_reported_ones(name):
    network, images = _settled(NETWORKS[name]())
    skipping = lower(network)
    assert [count_one(skipping, image[None]) for image in images] == _claimed(network, images)


def test_another_process_counts_the_same():
    network, images = _settled(_lc(True, True))
    assert flop_counter_macs(network, images) == _claimed(network, images)


def _settled(network: DynamicNetwork) -> tuple[DynamicNetwork, torch.Tensor]:
    torch.manual_seed(0)
    images = torch.randn(6, 3, 32, 32) * torch.linspace(0.3, 2, 6)[:, None, None, None]
    with torch.no_grad():
        for _ in range(20):
            network.train()(images)
    return network.eval(), images


@torch.no_grad()
def _claimed(network: DynamicNetwork, images: torch.Tensor) -> list[int]:
    return network.cost(network(images)).total.long().tolist()


def test_fused_convolutions_count_as_plain_ones():
    unit = cifar_resnet(8).eval().blocks[1].units[0]
    convolution, x = fold(unit), torch.randn(1, 16, 32, 32)
    residual = torch.zeros(1, 32, 16, 16)
    with torch.inference_mode():
        expected = _count(lambda: convolution(x))
        assert _count(lambda: convolution.packed()(x)) == expected == 2 * 32 * 16 * 9 * 16 * 16
        assert _count(lambda: convolution.packed().add_relu(x, residual)) == expected


def _count(call) -> int:
    with FlopCounterMode(display=False, custom_mapping=_FUSED) as counter:
        call()
    return counter.get_total_flops()
