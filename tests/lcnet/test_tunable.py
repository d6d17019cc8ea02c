"""LC-Net with a knob: each image has its own threshold in training, one threshold sets the budget afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bench.errors import BadInput
from bench.measurement.conformance import Subject, check_skipping
from bench.methods import Budget, TrainingBatch
from bench.networks.backbones import build_backbone
from lcnet.tunable import LCNetTunable, between, place_of


def build(point=0.5, **choices):
    torch.manual_seed(0)
    return LCNetTunable(**choices).build(build_backbone("resnet8-w0.25", classes=10), point)


def test_skipped_is_masked():
    torch.manual_seed(0)
    check_skipping(Subject(LCNetTunable()))


def test_images_of_a_batch_are_treated_as_alone_at_their_thresholds():
    network = build()
    router = network.router
    router.levels = torch.linspace(4, 0, len(router.levels))
    for net in router.nets():
        nn.init.normal_(net.linear.weight)
    thresholds = router.shares(9) @ router.levels
    torch.testing.assert_close(thresholds, torch.linspace(4, 0, 9))
    for index, block in enumerate(network.backbone.blocks):
        features = torch.randn(9, block.in_channels)
        router.norms.train()
        layer, channels = router.decide_layer(index, features, None), router.decide_channels(index, features, None)
        router.norms.eval()
        for number, threshold in enumerate(thresholds):
            router.threshold, alone = threshold, features[number : number + 1]
            torch.testing.assert_close(layer.scale[number], router.decide_layer(index, alone, None).scale[0])
            torch.testing.assert_close(channels.scale[number], router.decide_channels(index, alone, None).scale[0])


@given(
    budgets=st.lists(st.floats(0.05, 1), min_size=2, max_size=6, unique=True).map(sorted),
    share=st.floats(0, 1),
)
@settings(max_examples=50, deadline=None)
def test_places_and_interpolation_undo_each_other(budgets, share):
    point = budgets[0] + share * (budgets[-1] - budgets[0])
    known = torch.tensor(budgets, dtype=torch.float64)
    if (known.diff() < 1e-6).any():
        return
    weights = between(known.new_tensor(place_of(point, budgets)), len(budgets))
    assert float(weights @ known) == pytest.approx(point)
    assert float(weights.sum()) == pytest.approx(1) and (weights > 0).sum() <= 2


def test_a_batch_too_small_for_all_budgets_moves_those_that_it_meets():
    network = build()
    (stage,) = LCNetTunable().stages(network, 0.5, Budget(epochs=1, pretrained=True))
    batch = TrainingBatch(torch.randn(2, 3, 32, 32), torch.zeros(2, dtype=torch.int64), 1.0, lambda x: 0 * x.sum(1))
    before = network.router.levels.clone()
    stage.loss(network, batch)
    moved = network.router.levels != before
    assert torch.isfinite(network.router.levels).all()
    assert moved[0] and moved[-1] and not moved[1:-1].any()


def test_every_budget_is_held_by_its_own_threshold():
    network = build(learns="all")
    (stage,) = LCNetTunable(learns="all").stages(network, 0.5, Budget(epochs=1, pretrained=True))
    batch = TrainingBatch(
        torch.randn(64, 3, 32, 32), torch.zeros(64, dtype=torch.int64), 1.0, lambda logits: 0 * logits.sum(1)
    )
    with torch.no_grad():
        for _ in range(80):
            stage.loss(network, batch)
        reached = []
        network.router.norms.eval()
        for level in network.router.levels:
            network.router.threshold = level
            reached.append(float(network.macs_fraction(network(batch.images)).mean()))
    assert (network.router.levels.diff() < 0).all()
    # Of such small blocks single channels are steps of 2 to 6 % of the MACs.
    np.testing.assert_allclose(reached, LCNetTunable().budgets, atol=0.06)


@pytest.mark.parametrize(
    ("budgets", "point", "says"),
    [((0.5,), 0.5, "two or more"), ((0.6, 0.3), 0.5, "that rise, not 0.6"), ((0.3, 0.6), 0.7, "0.7 lies outside")],
)
def test_budgets_rise_around_the_point(budgets, point, says):
    with pytest.raises(BadInput, match=says):
        build(point, budgets=budgets)
