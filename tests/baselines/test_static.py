"""Smaller dense networks: published counts, exact surgery, and landing on the operating point."""

import copy

import pytest
import torch
from torch import nn

from baselines.depgraph import DepGraph
from baselines.fixed import Fixed, distributed
from baselines.fpgm import FPGM
from baselines.l1 import L1
from baselines.random import Random, uniform_from_content
from baselines.shallow import Shallow
from baselines.slim import Slim, narrow
from bench.methods.interface import Budget
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.cost import count_backbone
from bench.networks.importance import filter_norms

STATIC = [Slim, Shallow, Fixed, L1, FPGM, DepGraph]


def trained_like(depth, shortcut="A"):
    """A backbone whose batch norms are far from their initial values."""
    torch.manual_seed(0)
    backbone = cifar_resnet(depth, shortcut=shortcut)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                nn.init.uniform_(tensor, 0.2, 1.0)
    return backbone.eval()


@pytest.mark.parametrize(
    ("depth", "rates", "alone", "macs"),
    [
        (56, (0.1, 0.1, 0.1), (16, 20, 38, 54), 112.4),
        (56, (0.6, 0.3, 0.1), (16, 18, 20, 34, 38, 54), 90.9),
        (110, (0.5, 0.0, 0.0), (36,), 212.8),
        (110, (0.5, 0.4, 0.3), (36, 38, 74), 155.1),
    ],
    ids=["R-56-A", "R-56-B", "R-110-A", "R-110-B"],
)
def test_published_l1_configurations_have_their_published_macs(depth, rates, alone, macs):
    backbone = cifar_resnet(depth)
    per_stage = len(backbone.blocks) // 3
    widths = []
    for index, block in enumerate(backbone.blocks):
        # The paper numbers convolutions from 1, the stem being the first: block b starts with layer 2b + 2.
        rate = 0 if 2 * index + 2 in alone else rates[index // per_stage]
        widths.append([int(block.inner_channels * (1 - rate))])
    pruned = L1().prune(backbone, widths)
    assert round(count_backbone(pruned).total / 1e6, 1) == macs


@pytest.mark.parametrize(
    ("width", "depth", "macs", "params"),
    [(8 / 16, 20, 10.25e6, 68_050), (12 / 16, 32, 38.82e6, 261_718), (4 / 16, 56, 7.93e6, 54_286)],
)
def test_narrow_networks_have_the_counts_of_the_family_at_that_width(width, depth, macs, params):
    backbone = narrow(trained_like(depth), width)
    assert count_backbone(backbone).total == pytest.approx(macs, abs=5e3)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == params
    family = cifar_resnet(depth, width=width)
    assert {key: value.shape for key, value in backbone.state_dict().items()} == {
        key: value.shape for key, value in family.state_dict().items()
    }


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_narrowing_away_channels_that_carry_nothing_changes_no_logit(shortcut):
    slim = narrow(trained_like(14, shortcut), 0.5)
    wide = cifar_resnet(14, shortcut=shortcut).eval()
    with torch.no_grad():
        for parameter in wide.parameters():
            parameter.zero_()
        _embed(slim, wide, shortcut)
    images = torch.randn(4, 3, 32, 32)
    expected = slim(images)
    assert torch.allclose(wide(images), expected, atol=1e-5)
    assert torch.allclose(narrow(wide, 0.5)(images), expected, atol=1e-5)


def _embed(slim, wide, shortcut):
    """Writes the weights of a network of half the width into some channels of the full one."""
    streams = [torch.arange(8)]
    for half in (8, 16):
        # Behind a parameter-free shortcut new channels lie before and after those that are carried on.
        around = torch.cat([torch.arange(half // 2), half + streams[-1], 3 * half + torch.arange(half // 2)])
        streams.append(around if shortcut == "A" else torch.arange(2 * half))
    _copy(slim.stem, wide.stem, streams[0], torch.arange(3))
    for index, (source, target) in enumerate(zip(slim.blocks, wide.blocks)):
        after = streams[index // 2]
        before = streams[max(0, index - 1) // 2]
        inner = torch.arange(source.inner_channels)
        _copy(source.units[0], target.units[0], inner, before)
        _copy(source.units[1], target.units[1], after, inner)
        if hasattr(target.shortcut, "conv"):
            _copy(source.shortcut, target.shortcut, after, before)
    wide.classifier.weight[:, streams[-1]] = slim.classifier.weight
    wide.classifier.bias.copy_(slim.classifier.bias)


def _copy(source, target, rows, columns):
    target.conv.weight[rows[:, None], columns] = source.conv.weight
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(target.norm, name)[rows] = getattr(source.norm, name)


@pytest.mark.parametrize("method", [L1, FPGM])
def test_pruning_equals_silencing_the_removed_channels(method):
    backbone = trained_like(14)
    silenced = copy.deepcopy(backbone)
    pruned = method().build(backbone, 0.6)
    for before, after in zip(silenced.blocks, pruned.backbone.blocks):
        unit = before.units[0]
        gone = method().importance(unit).argsort()[: unit.conv.out_channels - after.inner_channels]
        with torch.no_grad():
            unit.norm.weight[gone] = 0
            unit.norm.bias[gone] = 0
    images = torch.randn(4, 3, 32, 32)
    assert torch.allclose(pruned(images).logits, silenced(images), atol=1e-4)


def test_l1_removes_the_smallest_and_fpgm_the_most_replaceable_filters():
    unit = trained_like(8).blocks[0].units[0]
    with torch.no_grad():
        unit.conv.weight[3] *= 0.01
        unit.conv.weight[7] = unit.conv.weight.mean(0)
        unit.conv.weight[11] *= 10
    assert L1().importance(unit).argmax() == 11
    assert filter_norms(unit)[3] == pytest.approx(unit.conv.weight[3].detach().abs().sum().item())
    # A filter in the middle of all others is replaceable, whatever its size.
    assert FPGM().importance(unit).argmin() in (3, 7)
    assert FPGM().importance(unit).argmax() == 11


@pytest.mark.parametrize("method", STATIC)
@pytest.mark.parametrize("point", [0.4, 0.6, 0.8])
def test_static_networks_land_on_their_point_and_cost_the_same_for_every_image(method, point):
    backbone = trained_like(32)
    dense = count_backbone(backbone).total
    network = method().build(backbone, point).eval()
    with torch.inference_mode():
        cost = network.cost(network(torch.randn(3, 3, 32, 32)))
    assert cost.total.unique().numel() == 1
    assert cost.gates.sum() == 0
    assert cost.total[0].item() / dense == pytest.approx(point, abs=0.035)


def test_shallow_keeps_every_stage_start_and_cuts_stages_evenly():
    network = Shallow().build(trained_like(56), 0.55)
    stages = [0, 0, 0]
    for block in network.backbone.blocks:
        stages[[16, 32, 64].index(block.out_channels)] += 1
    assert max(stages) - min(stages) <= 1
    assert (
        count_backbone(Shallow().build(trained_like(56), 0.01).backbone).total == count_backbone(cifar_resnet(8)).total
    )


def test_fixed_blocks_are_evenly_spaced():
    assert distributed(9, 5) == [0, 2, 4, 6, 8]
    assert distributed(54, 0) == []
    gaps = torch.tensor(distributed(54, 17)).diff()
    assert gaps.min() >= 3 and gaps.max() <= 4


def test_random_paths_depend_on_the_image_alone():
    network = Random().build(trained_like(20), 0.6).eval()
    images = torch.randn(64, 3, 32, 32)
    with torch.inference_mode():
        together = network(images).executed()
        reverse = network(images.flip(0)).executed().flip(0)
        single = torch.cat([network(image[None]).executed() for image in images])
        brighter = network(images + 0.01).executed()
    assert torch.equal(together, reverse)
    assert torch.equal(together, single)
    assert 0.3 < (together != brighter).float().mean() < 0.7  # 2q(1-q) for independent draws


def test_random_draws_are_uniform_and_uncorrelated():
    draws = uniform_from_content(torch.randn(5000, 3, 4, 4), 6)
    assert draws.min() >= 0 and draws.max() < 1
    assert torch.allclose(draws.mean(0), torch.full((6,), 0.5).double(), atol=0.02)
    assert torch.allclose(draws.var(0), torch.full((6,), 1 / 12).double(), atol=0.005)
    assert (torch.corrcoef(draws.T) - torch.eye(6)).abs().max() < 0.06


def test_random_reaches_its_point_in_the_mean():
    network = Random().build(trained_like(20), 0.6).eval()
    decided = network.router.start(torch.randn(3000, 3, 32, 32))
    cost = network.backbone_cost
    branches = torch.tensor([block.branch for block in cost.blocks], dtype=torch.float64)
    mean = (cost.fixed + (decided.double() * branches).sum(1)).mean() / cost.total
    assert mean.item() == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("method", [*STATIC, Random])
def test_everything_trains_for_the_whole_budget(method):
    network = method().build(trained_like(14), 0.5)
    stages = method().stages(network, 0.5, Budget(7, pretrained=True))
    assert sum(stage.epochs for stage in stages) == 7
    assert {id(parameter) for group in stages[0].groups for parameter in group.parameters} == {
        id(parameter) for parameter in network.backbone.parameters()
    }
