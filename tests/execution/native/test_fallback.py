"""Without a compiler the package installs all the same: networks run in PyTorch, and that is said once."""

from __future__ import annotations

import warnings

import pytest

from bench.errors import BadInput
from bench.execution import to_inference
from bench.execution.native import library
from bench.execution.skipping import SkippingNetwork
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.network import DynamicNetwork


@pytest.fixture
def _nothing_built(monkeypatch):
    monkeypatch.setattr(library, "_path", lambda target: None)
    library.targets.cache_clear()
    yield
    library.targets.cache_clear()


@pytest.mark.usefixtures("_nothing_built")
def test_networks_run_in_pytorch_and_that_is_said_once():
    network = DynamicNetwork(cifar_resnet(8)).eval()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(3):
            assert isinstance(to_inference(network, "auto"), SkippingNetwork)
    assert [str(one.message) for one in said] == ["the native executor was not built; networks run in PyTorch"]


@pytest.mark.usefixtures("_nothing_built")
def test_asking_for_it_is_an_error():
    with pytest.raises(BadInput, match="compiler"):
        to_inference(DynamicNetwork(cifar_resnet(8)).eval(), "native")
