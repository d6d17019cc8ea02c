"""Widths by a knapsack: importance, costs, and the best choice."""

from itertools import product

import numpy as np
import pytest
import torch

from baselines.halp import HALP, Selected, scores_of, widths_of
from baselines.knapsack import Knapsack, macs_at, milliseconds_at
from bench.measurement.conformance import verify_method
from bench.measurement.conformance.subjects import batch_at
from bench.methods import Budget
from bench.networks import count_backbone
from bench.networks.backbones import build_backbone


def test_it_is_what_it_claims():
    checks = ("skipped = masked", "MACs = independent count", "batch norm moves once per step")
    assert [one for one in verify_method(HALP(), checks) if not one.passed] == []


def test_the_knapsack_is_the_best_of_all_choices():
    generator = np.random.default_rng(0)
    values = [np.sort(generator.random(4)) for _ in range(4)]
    costs = [np.array([1.0, 2, 5, 9]), np.array([2.0, 3, 4, 8]), np.array([1.0, 6, 7, 8]), np.array([2.0, 4, 6, 8])]
    knapsack = Knapsack(values, costs, bins=33)  # as many as the full cost: nothing is rounded
    for budget in (knapsack.least, 15, 20, knapsack.most):
        allowed = [
            sum(value[number] for value, number in zip(values, numbers))
            for numbers in product(range(4), repeat=4)
            if sum(cost[number] for cost, number in zip(costs, numbers)) <= budget
        ]
        chosen = knapsack.choose(budget)
        assert sum(value[number] for value, number in zip(values, chosen)) == pytest.approx(max(allowed))
        assert sum(cost[number] for cost, number in zip(costs, chosen)) <= budget


def test_importance_is_the_taylor_term_of_the_batch_norms():
    """Behind a ReLU, activation times gradient is the scale's part and the shift's part together."""
    torch.manual_seed(0)
    network = HALP().build(build_backbone("resnet8", classes=10), 0.5).train()
    scoring = HALP().stages(network, 0.5, Budget(5, pretrained=True))[0]
    scoring.loss(network, batch_at(0.5)).backward()
    assert network.router.decide_channels(0, torch.zeros(1), None) is None, "probes are gone behind the step"
    for block, score in zip(network.backbone.blocks, scores_of(network)):
        norm = block.units[0].norm
        expected = (norm.weight * norm.weight.grad + norm.bias * norm.bias.grad).abs()
        torch.testing.assert_close(score, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("cost", ["macs", "ms"])
def test_it_lands_and_keeps_what_matters(cost):
    network = HALP(cost=cost).build(build_backbone("resnet14", classes=10), 0.5)
    dense, widths = network.backbone_cost.total, [block.inner_channels for block in network.backbone.blocks]
    network.router.importance = torch.arange(len(network.router.importance)).float()
    filters = [block.units[0].conv.weight.clone() for block in network.backbone.blocks]
    Selected(HALP(cost=cost), 0.5)(network)
    assert network.backbone_cost.total / dense == pytest.approx(0.5, abs=0.03)
    for block, before, width in zip(network.backbone.blocks, filters, widths):
        assert block.inner_channels <= width
        torch.testing.assert_close(block.units[0].conv.weight, before[width - block.inner_channels :])


def test_without_a_step_to_score_in_filters_are_ranked():
    stages = HALP().stages(HALP().build(build_backbone("resnet8", classes=10), 0.5), 0.5, Budget(1, pretrained=True))
    assert [stage.epochs for stage in stages] == [0, 1]
    network = HALP().build(build_backbone("resnet8", classes=10), 0.5)
    torch.testing.assert_close(
        scores_of(network)[0], network.backbone.blocks[0].units[0].conv.weight.abs().sum((1, 2, 3))
    )


def test_costs_rise_with_widths():
    network = HALP().build(build_backbone("resnet8", classes=10), 0.5)
    widths = [widths_of(block.inner_channels, 8) for block in network.backbone.blocks]
    assert widths[0] == [8, 16] and widths_of(10, 4) == [4, 8, 10] and widths_of(2, 4) == [2]
    macs = macs_at(network, widths)
    assert sum(each[-1] for each in macs) == count_backbone(network.backbone).total - network.backbone_cost.fixed
    for counted, timed in zip(macs, milliseconds_at(network, widths)):
        assert (np.diff(counted) > 0).all() and (np.diff(timed) >= 0).all() and timed[0] > 0
