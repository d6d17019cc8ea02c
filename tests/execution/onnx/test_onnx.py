"""Exported networks are the masked network, image by image, in ONNX Runtime."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from baselines.channel_gating import ChannelGating
from baselines.dense import Dense
from baselines.early_exit import EarlyExit
from baselines.fixed import Fixed
from baselines.skipnet import SkipNet
from bench.errors import BadInput
from bench.execution import to_inference
from bench.execution.onnx import Session, output_of, to_onnx, to_program, writing
from bench.execution.onnx.placing import sink_weights
from bench.measurement.latency import DenseRival, time_network
from bench.networks import Cascade, DynamicNetwork, Member
from bench.networks.backbones import build_backbone
from bench.networks.backbones.traced.adapter import adapt
from lcnet.menu import LCNetMenu
from lcnet.method import LCNet

IMAGES = 8
BACKBONE = "resnet8-w0.25"


def images(count: int = IMAGES) -> torch.Tensor:
    """Of rising contrast, so that gates tell them apart."""
    torch.manual_seed(1)
    return torch.randn(count, 3, 32, 32) * torch.linspace(0.1, 3, count)[:, None, None, None]


@torch.no_grad()
def build(method, point: float | None = 0.6) -> DynamicNetwork:
    """Untrained, with statistics of its own and gates that differ between images."""
    torch.manual_seed(0)
    network = method.build(build_backbone(BACKBONE, classes=10), point)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = 1.0
    network.train()(images(64))
    return network.eval().requires_grad_(False)


def lcnet() -> DynamicNetwork:
    network = build(LCNet(start=1.0))
    network.router.threshold.fill_(5.0)
    for net in network.router.nets():
        net.linear.weight *= 4
    return network


def skipnet() -> DynamicNetwork:
    network = build(SkipNet())
    network.router.output.weight *= 8
    network.router.threshold.fill_(2.0)
    return network


def early_exit() -> DynamicNetwork:
    network = build(EarlyExit(shares=(0.3, 0.7)))
    network.rule.thresholds.copy_(torch.tensor([-1.2, -1.5]))
    return network


def cascade() -> Cascade:
    """Of a gated network and a dense one, whose answers are averaged."""
    members = [skipnet(), build(Dense(), None)]
    network = Cascade(members, [Member("skipnet", 0.6, BACKBONE), Member("dense", None, BACKBONE)])
    network.rule.averages.fill_(True)
    network.rule.thresholds.fill_(-1.2)
    return network.eval().requires_grad_(False)


NETWORKS = {"lcnet": lcnet, "early_exit": early_exit, "cascade": cascade}
BRANCHES = pytest.mark.skipif(torch.__version__ < writing.BRANCHES_SINCE, reason="this torch exports no branches")
EXPORTED = [
    *(pytest.param(name, True, marks=BRANCHES) for name in ("lcnet", "early_exit", "cascade")),
    *(("lcnet", False), ("cascade", False)),
]


@cache
def exported(name: str, branches: bool):
    """A network and its model: exporting takes seconds."""
    network = NETWORKS[name]()
    return network, to_onnx(network, branches, {"record": name})


def graphs(graph) -> list:
    """A graph and all branches within it."""
    branches = [attribute.g for node in graph.node for attribute in node.attribute if attribute.HasField("g")]
    return [graph, *(one for branch in branches for one in graphs(branch))]


@pytest.mark.parametrize(("name", "branches"), EXPORTED)
def test_logits_decisions_and_macs_are_those_of_the_masked_network(name, branches):
    network, model = exported(name, branches)
    expected = network(images())
    found = output_of(Session(model.SerializeToString(), 1).run(images()), network)
    np.testing.assert_allclose(found.logits, expected.logits, rtol=1e-4, atol=1e-4)
    assert torch.equal(found.executed(), expected.executed())
    assert torch.equal(network.cost(found).total, network.cost(expected).total)
    assert len(network.cost(expected).total.unique()) > 1, "images do not differ: nothing is tested"
    ifs = sum(node.op_type == "If" for graph in graphs(model.graph) for node in graph.node)
    assert (ifs > 0) == branches
    assert [one.value for one in model.metadata_props if one.key == "record"] == [name]


@BRANCHES
class Inverted(nn.Module):
    """Two inverted residuals: nothing stands behind their sums, as in MobileNetV2."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=4)
        self.units = nn.ModuleList(
            nn.Sequential(nn.Conv2d(4, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 4, 1))
            for _ in range(2)
        )
        self.classifier = nn.Linear(4, 10)

    def forward(self, x):
        x = self.stem(x)
        for unit in self.units:
            x = x + unit(x)
        return self.classifier(x.mean((2, 3)))


@torch.no_grad()
def test_blocks_of_another_package_s_modules_are_passed_by_as_they_pass_by():
    torch.manual_seed(0)
    network = LCNet().build(adapt("inverted", Inverted(), 32, 32), 0.6).train()
    network(images(8))
    for net in network.eval().router.nets():
        nn.init.normal_(net.linear.weight)
    network.router.threshold.fill_(2.0)
    network.router.layer_nets[1].linear.bias.fill_(-100)
    masked, found = network(images(3)), to_inference(network, "onnxruntime")(images(3))
    assert torch.equal(found.executed(), masked.executed()) and masked.executed().mean(0).tolist() == [1, 0]
    assert (found.logits - masked.logits).abs().max() <= 1e-4 * masked.logits.abs().max()


def test_every_weight_lies_where_it_is_read_and_nothing_tells_of_this_machine():
    _, model = exported("lcnet", True)
    (main, *branches) = graphs(model.graph)
    gated = {node.input[1] for branch in branches for node in branch.node if node.op_type == "Conv"}
    inside = {one.name for branch in branches for one in branch.initializer}
    assert gated and gated <= inside and not gated & {one.name for one in main.initializer}
    assert __file__.rpartition("/tests/")[0].encode() not in model.SerializeToString()
    again = copy.deepcopy(model)
    sink_weights(again.graph)
    assert again == model


def test_units_that_gate_themselves_are_refused():
    with pytest.raises(BadInput, match="gate themselves"):
        to_onnx(build(ChannelGating(), 0.6), branches=True)


@pytest.mark.parametrize(("method", "says"), [(Fixed(), "fixes the number of images"), (LCNetMenu(), "aten.cummin")])
def test_what_the_exporter_cannot_follow_is_one_line(method, says):
    with pytest.raises(BadInput, match=f"^the network cannot be exported: .*{says}.*$"):
        to_onnx(build(method), branches=False)


def test_an_older_torch_is_named_where_an_export_fails(monkeypatch):
    monkeypatch.setattr(writing, "BRANCHES_SINCE", "99.1")
    with pytest.raises(BadInput, match=r"\(branches need torch 99\.1\)$"):
        to_onnx(build(Fixed()), branches=False)


@BRANCHES
def test_a_program_runs_as_it_was_saved():
    network = skipnet()
    content, run = to_program(network, branches=True, metadata={})
    expected, found = network(images()), output_of(run(images()), network)
    np.testing.assert_allclose(found.logits, expected.logits, rtol=1e-4, atol=1e-4)
    assert torch.equal(found.executed(), expected.executed())
    assert len(expected.executed().unique(dim=0)) > 1, "images do not differ: nothing is tested"
    assert content[:2] == b"PK"


def test_a_model_that_is_none_is_one_line():
    with pytest.raises(BadInput, match="does not take the model"):
        Session(b"nothing", 1)


def test_as_an_executor_it_has_the_face_of_the_others():
    network = build(Dense(), None).train()
    running = to_inference(network, "onnxruntime")
    assert network.training, "the network itself is changed"
    network.eval()
    assert (running.executor, running.execution) == ("onnxruntime", "skipped")
    expected = network(images())
    found = running(images())
    np.testing.assert_allclose(found.logits, expected.logits, rtol=1e-4, atol=1e-4)
    assert torch.equal(running.predict(images()), found.logits)
    assert torch.equal(running.cost(found).total, network.cost(expected).total)
    timing = time_network(running, DenseRival(network.backbone, compile=False), images(64), 1, seconds=0.2)
    assert timing.executor == "onnxruntime" and timing.speedup_latency_same_executor > 0


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(writing, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"onnx, onnxruntime, onnxscript not installed: pip install .*export"):
        to_inference(build(Dense(), None), "onnxruntime")
