"""DepGraph beside our surgery, its oracle on ResNets; networks that are no ResNets, cut and loaded again."""

import copy
import json

import pytest
import torch
from gated import unit
from test_static import trained_like

from baselines.depgraph import DepGraph, Groups, strongest_of
from baselines.l1 import L1
from bench.errors import BadInput
from bench.execution.skipping import lower
from bench.measurement.conformance import verify_method
from bench.measurement.counting import count_one
from bench.networks import Backbone, DynamicNetwork
from bench.networks.backbones.traced import models
from bench.networks.backbones.traced.adapter import adapt
from bench.networks.blocks import ResidualBlock
from bench.zoo.loading import load_network

pytest.importorskip("torch_pruning")
PX = 64


class FirstLayer(DepGraph):
    """Ranks channels as :class:`L1` does: by the filters that compute them."""

    def importance(self, group):
        return group[0].dep.target.module.weight.abs().sum((1, 2, 3))


@pytest.mark.parametrize("shortcut", ["A", "B"])
@torch.no_grad()
def test_on_a_resnet_it_cuts_what_our_surgery_cuts(shortcut):
    backbone = trained_like(14, shortcut)
    ours = L1().build(copy.deepcopy(backbone), 0.5).eval()
    theirs = FirstLayer().build(copy.deepcopy(backbone), 0.5).eval()
    assert theirs.backbone_cost == ours.backbone_cost
    for name, tensor in ours.state_dict().items():
        assert torch.equal(theirs.state_dict()[name], tensor), name
    images = torch.randn(4, 3, 32, 32)
    assert torch.equal(theirs(images).logits, ours(images).logits)
    assert not torch.equal(DepGraph().build(backbone, 0.5).eval()(images).logits, ours(images).logits)


def test_it_is_what_it_claims():
    checks = ("skipped = masked", "MACs = independent count", "batch norm moves once per step")
    assert [one for one in verify_method(DepGraph(), checks) if not one.passed] == []


def _other(name):
    torch.manual_seed(0)
    model = models.create(name, 10).eval()
    models.draw_scales(model)
    return adapt(name, model, PX, PX).eval()


@pytest.mark.parametrize(("name", "point"), [("mobilenetv3_small_050", 0.6), ("regnetx_002", 0.75)])
@torch.no_grad()
def test_other_networks_are_cut_counted_and_loaded_again(name, point):
    backbone = _other(name)
    dense = DynamicNetwork(copy.deepcopy(backbone)).backbone_cost.total
    network = DepGraph().build(backbone, point).eval()
    images = torch.randn(2, 3, PX, PX)
    macs = int(network.cost(network(images)).total[0])
    assert macs / dense == pytest.approx(point, abs=0.03)
    assert count_one(lower(network), images[:1]) == macs
    again = DepGraph().build(_other(name).apply(_forget), point).eval()
    again.load_state_dict(network.state_dict())
    assert torch.equal(again(images).logits, network(images).logits)


def _forget(module):
    """Other weights, so that other channels would be chosen."""
    for parameter in module.parameters(recurse=False):
        torch.nn.init.normal_(parameter, std=0.1)


@torch.no_grad()
def test_channels_that_are_removed_are_those_that_would_be_silent():
    """Filters and shifts of zero make a channel nothing; it goes first, and nothing changes."""
    backbone = _other("mobilenetv2_050")
    groups = Groups(backbone)
    for group in groups.free:
        for dep, places in group:
            layer = dep.target.module
            silent = places[len(places) // 2 :]
            if hasattr(layer, "weight") and not groups.graph.is_out_channel_pruning_fn(dep.handler):
                layer.weight[:, silent] = 0
            elif hasattr(layer, "weight"):
                layer.weight[silent] = 0
                for shift in [] if layer.bias is None else [layer.bias]:
                    shift[silent] = 0
    images = torch.randn(2, 3, PX, PX)
    expected = backbone(images)
    pruned = DepGraph().prune(copy.deepcopy(backbone), 0.5)
    assert sum(map(torch.numel, pruned.parameters())) < 0.7 * sum(map(torch.numel, backbone.parameters()))
    torch.testing.assert_close(pruned(images), expected, rtol=1e-4, atol=1e-5)


def test_grouped_channels_go_alike_from_each_part():
    importance = torch.tensor([1.0, 9, 2, 8, 7, 3, 1, 1])
    assert strongest_of(importance, 2, 0.5).tolist() == [1, 3, 5, 7] and strongest_of(importance, 1, 0.1).tolist() == [
        1
    ]


def test_a_run_lands_and_can_be_opened_again(bench_here, tmp_path):
    code, _, error = bench_here(
        "run", "--methods", "depgraph", "--backbone", "resnet8-w0.5", "--epochs", "1", "--no-timing"
    )
    assert code == 0, error
    (file,) = (tmp_path / "runs").glob("depgraph-*/record.json")
    record = json.loads(file.read_text())
    assert record["macs_fraction"] == pytest.approx(record["point"], abs=0.03) and record["valid"]
    assert load_network(file.parent).backbone_cost.total == record["macs_mean"]


def test_what_it_cannot_do_is_one_line(monkeypatch, bench_here):
    block = ResidualBlock([unit(16, 16, 3, activation=False)], torch.nn.Identity(), gated_unit=0)
    backbone = Backbone("short", unit(3, 16, 3), [block], torch.nn.Linear(16, 10), (3, 16, 16))
    with pytest.raises(BadInput, match="no channels of short can be cut: residual sums or attention hold all of them"):
        Groups(backbone)
    monkeypatch.setattr(DepGraph, "package", "no-such-package")
    code, _, error = bench_here("run", "--methods", "depgraph", "--backbone", "resnet8-w0.25")
    assert code == 2 and error.endswith("depgraph needs a package that is not installed: pip install no-such-package\n")
