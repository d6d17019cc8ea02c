"""``bench verify`` passes our methods and catches methods that are not what they claim."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from bench import methods
from bench.cli import main
from bench.measurement.conformance import CHECKS, verify_method
from bench.methods import load_method
from bench.networks.decisions import LayerDecision
from bench.networks.router import GateCost
from lcnet.method import LCNet
from lcnet.router import LCRouter


@pytest.mark.parametrize("name", ["dense", "lnet", "cnet", "lcnet", "skipnet"])
def test_our_methods_pass(name):
    outcomes = verify_method(load_method(name))
    assert [one.check for one in outcomes] == list(CHECKS)
    assert [one for one in outcomes if not one.passed] == []


@dataclass(frozen=True)
class _Broken(LCNet):
    """A Layer-Net whose router is replaced by a defective one."""

    channels: bool = False
    router_class: ClassVar[type] = LCRouter

    def build(self, backbone, point):
        network = super().build(backbone, point)
        network.router.__class__ = type("Defective", (self.router_class, LCRouter), {})
        network.gate_cost = network.router.cost()
        return network


class _BatchMean:
    def decide_layer(self, index, features, state):
        return super().decide_layer(index, features.mean(0, keepdim=True).expand_as(features), state)


class _Noisy:
    def decide_layer(self, index, features, state):
        return super().decide_layer(index, features + torch.randn_like(features), state)


class _Soft:
    def decide_layer(self, index, features, state):
        layer = super().decide_layer(index, features, state)
        return LayerDecision(layer.scale, layer.scale)


class _ForgetsItsGates:
    def cost(self):
        return GateCost(0, (0,) * self.blocks, (0,) * self.blocks)


class _NoGradient:
    def decide_layer(self, index, features, state):
        layer = super().decide_layer(index, features, state)
        return LayerDecision(layer.executed.detach(), layer.scale.detach())


class _CountsTwice:
    def gate_input(self, index, x):
        super().gate_input(index, x)
        return super().gate_input(index, x)


@pytest.mark.parametrize(
    ("defect", "caught_by"),
    [
        (_BatchMean, "batch of N = N batches of one"),
        (_Noisy, "evaluating twice decides alike"),
        (_Soft, "decisions are per sample"),
        (_ForgetsItsGates, "MACs = independent count"),
        (_NoGradient, "every gate gets a gradient"),
        (_CountsTwice, "batch norm moves once per step"),
    ],
)
def test_a_broken_method_is_caught(defect, caught_by):
    method = type("Method", (_Broken,), {"router_class": defect})()
    failed = {one.check for one in verify_method(method) if not one.passed}
    assert caught_by in failed


def test_stages_that_exceed_the_budget_are_caught():
    class Greedy(LCNet):
        def stages(self, network, point, budget):
            return super().stages(network, point, budget) * 2

    failed = {one.check for one in verify_method(Greedy()) if not one.passed}
    assert "epochs keep to the budget" in failed


def test_the_command_fails_on_a_broken_method(monkeypatch, capsys):
    broken = type("Method", (_Broken,), {"router_class": _Noisy})()
    monkeypatch.setattr(methods, "load_method", lambda name: broken)
    with pytest.raises(SystemExit) as exit_:
        main(["verify", "noisy"])
    assert exit_.value.code == 1 and "noisy: evaluating twice decides alike" in capsys.readouterr().err
