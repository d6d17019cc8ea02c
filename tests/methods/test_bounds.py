"""Bounds per block: what they hold, when they let go, and that they leave networks and ids alone."""

from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from bench.methods import Budget, TrainingBatch, load_method
from bench.methods.bounds import RELEASED, BoundedLoss, beyond_bounds, bounded
from bench.networks.backbones import build_backbone
from bench.networks.decisions import BlockDecision, LayerDecision, Output
from bench.recipe import UNTRAINED
from bench.runs.plan.jobs import Job


def output_of(*rates):
    blocks = [torch.tensor([rate, rate]) for rate in rates]
    return Output(torch.zeros(2, 10), tuple(BlockDecision(LayerDecision(one, one)) for one in blocks))


def test_blocks_are_held_to_the_mean_and_then_let_go():
    output = output_of(0.2, 0.6, 1.0)
    assert beyond_bounds(output, 0.0) == pytest.approx((0.4**2 + 0.4**2) / 3)
    losses = [beyond_bounds(output, progress).item() for progress in (0.0, 0.1, 0.2, RELEASED, 0.9)]
    assert losses == sorted(losses, reverse=True) and losses[-2:] == [0, 0]
    assert beyond_bounds(output_of(1.0, 1.0), 0.0) == 0 and beyond_bounds(output_of(0.0, 0.0), 0.0) == 0


@pytest.mark.parametrize("name", ["lcnet", "skipnet", "fbs", "l1"])
def test_every_method_trains_with_them(name):
    torch.manual_seed(0)
    method = load_method(name)
    network = method.build(build_backbone("resnet8-w0.25", classes=10), 0.5).train()
    labels = torch.arange(16) % 10
    batch = TrainingBatch(
        torch.randn(16, 3, 32, 32), labels, 0.0, partial(cross_entropy, target=labels, reduction="none")
    )
    for stage in method.stages(network, 0.5, Budget(6, pretrained=True)):
        assert bounded(stage, 0.0) is stage
        both = []
        for weight in (0.0, 1e3):
            torch.manual_seed(1)
            both.append(bounded(stage, weight).loss(network, batch).detach())
        assert both[1].isfinite() and (name in ("skipnet", "lcnet", "fbs") or both[0] == both[1])


def test_the_last_pass_that_learns_is_held_and_the_loss_gets_the_network_itself():
    network = load_method("lcnet").build(build_backbone("resnet8-w0.25", classes=10), 0.5).eval()
    torch.nn.init.constant_(network.router.layer_nets[0].linear.bias, -2.0)  # below the threshold: closed
    images, labels = torch.randn(2, 3, 32, 32), torch.tensor([0, 1])
    outputs = []

    def loss(given, step):
        assert given is network
        outputs.append(given(step.images))
        with torch.no_grad():
            given(torch.zeros(1, 3, 32, 32))
        return outputs[-1].logits.sum()

    held = BoundedLoss(loss, 2.0)(network, TrainingBatch(images, labels, 0.0, cross_entropy))
    (output,) = outputs
    assert beyond_bounds(output, 0.0) > 0
    torch.testing.assert_close(held, output.logits.sum() + 2 * beyond_bounds(output, 0.0))
    network(images)
    assert not network._forward_hooks


def test_without_bounds_a_job_is_what_it_was():
    known = UNTRAINED | {"method": "lcnet", "dataset": "digits", "backbone": "resnet8", "point": 0.5, "seed": 0}
    plain, held = Job(**known), Job(**known | {"bounds": 1.0})
    assert UNTRAINED["bounds"] == 0.0 and plain.id != held.id
    assert Job(**{name: value for name, value in known.items() if name != "bounds"}).id == plain.id
