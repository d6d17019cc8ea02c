"""Three outcomes of a block: what the method claims, how they run and cost, and what they learn from."""

import pytest
import torch
from torch import nn

from baselines.rdinet import RDINet, contrast, outcome
from bench.errors import BadInput
from bench.execution import native_obstacle, to_inference
from bench.execution.onnx import not_exported
from bench.execution.skipping import lower
from bench.measurement.conformance import verify_method
from bench.measurement.conformance.subjects import batch_at
from bench.measurement.counting import count_each
from bench.methods import Budget
from bench.networks.backbones.cifar import cifar_resnet

QUICK = ("skipped = masked", "MACs = independent count", "every gate gets a gradient", "batch norm moves once per step")
REFUSED = "its branches may end early"


@torch.no_grad()
def undecided(images):
    """A network all of whose outcomes occur among ``images``, by which its gates are standardised."""
    torch.manual_seed(0)
    network = RDINet(openness=0.0).build(cifar_resnet(14, width=0.5), 0.6).train()
    for gate in network.router.gates:
        gate.seen[1].momentum, gate.seen[2] = 1.0, nn.Identity()
        nn.init.normal_(gate.seen[3].weight, std=10.0)
    network(images)
    return network.eval()


def test_it_is_what_it_claims():
    assert [one for one in verify_method(RDINet(), QUICK) if not one.passed] == []


@torch.no_grad()
def test_skipped_half_and_whole_blocks_run_in_one_batch_and_cost_what_they_run():
    images = torch.randn(32, 3, 32, 32)
    network = undecided(images)
    output = network(images)
    executed, kept = output.executed(), torch.stack([one.kept_fraction for one in output.decisions], 1)
    assert {0.0, 0.5, 1.0} == set(kept.flatten().tolist())
    mixed = [set(column.tolist()) for column in kept.unbind(1)]
    assert any(len(outcomes) == 3 for outcomes in mixed)
    skipped = lower(network)(images)
    torch.testing.assert_close(skipped.logits, output.logits, rtol=1e-4, atol=1e-4)
    assert torch.equal(torch.stack([one.kept_fraction for one in skipped.decisions], 1), kept)
    blocks = network.backbone_cost.blocks
    first, second = (torch.tensor([block.units[number] for block in blocks]) for number in (0, 1))
    fixed = network.backbone_cost.fixed + sum(network.gate_cost.layer)
    expected = fixed + (executed * first + (kept == 1) * second).double().sum(1)
    assert torch.equal(network.cost(output).total, expected)
    assert count_each(network, images) == expected.long().tolist()


@pytest.mark.parametrize("chosen", [1, 2])
def test_an_executed_block_learns_as_a_mixture_of_its_outcomes_would(chosen):
    logits = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    route = logits.softmax(1) + torch.eye(3, dtype=torch.float64)[chosen]
    half, whole = 2.0, 5.0
    layer = outcome(route)
    assert (layer.executed.item(), layer.complete.item()) == (1, chosen - 1)
    found = layer.scale * (half + layer.complete * (whole - half))
    (gradient,) = torch.autograd.grad(found.sum(), route, retain_graph=True)
    torch.testing.assert_close(gradient, torch.tensor([[0, half, whole]], dtype=torch.float64))


def test_routes_are_alike_for_views_of_one_image():
    torch.manual_seed(0)
    routes = torch.rand(8, 9)
    assert contrast(routes, routes) < contrast(routes, routes.roll(1, 0))


def test_outcomes_are_drawn_evenly_at_first_and_never_at_the_end():
    torch.manual_seed(0)
    network = RDINet().build(cifar_resnet(8, width=0.25), 0.6)
    paths, _, settled = RDINet().stages(network, 0.6, Budget(6, pretrained=True))
    seen = []
    network.register_forward_hook(lambda module, inputs, output: seen.append(output))
    step = batch_at(0.5)
    for stage in (paths, paths, settled, settled):
        stage.loss(network.train(), step)
    first, second, third, fourth = (torch.stack([one.kept_fraction for one in output.decisions]) for output in seen)
    assert set(first.flatten().tolist()) == {0, 0.5, 1} and not torch.equal(first, second)
    assert torch.equal(third, fourth)


def test_who_does_not_know_halves_says_so_in_one_line():
    network = RDINet().build(cifar_resnet(8, width=0.25), 0.6).eval()
    assert native_obstacle(network) == not_exported(network) == REFUSED
    with pytest.raises(BadInput, match=REFUSED):
        to_inference(network, "native")
