"""LC-Net with a knob: each image has its own threshold in training, one threshold sets the budget afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from bench.errors import BadInput
from bench.measurement.conformance import check_skipping
from bench.methods import Budget, TrainingBatch
from bench.networks.backbones import build_backbone
from lcnet.tunable import LCNetTunable, at_thresholds, between, place_of


def build(point=0.5, **choices):
    torch.manual_seed(0)
    return LCNetTunable(**choices).build(build_backbone("resnet8-w0.25", classes=10), point)


def test_skipped_is_masked():
    torch.manual_seed(0)
    check_skipping(LCNetTunable())


def test_images_of_a_batch_are_treated_as_alone_at_their_thresholds():
    network = build().eval()
    for net in network.router.nets():
        nn.init.normal_(net.linear.weight)
    images, thresholds = torch.randn(8, 3, 32, 32), torch.linspace(0, 5, 8)
    with torch.no_grad(), at_thresholds(network.router, thresholds):
        together = network(images)
    assert len(network.macs_fraction(together).unique()) > 4
    for number, threshold in enumerate(thresholds):
        network.router.threshold = threshold
        with torch.no_grad():
            alone = network(images[number : number + 1])
        torch.testing.assert_close(together.logits[number], alone.logits[0], rtol=1e-4, atol=1e-5)
        assert network.macs_fraction(together)[number] == network.macs_fraction(alone)[0]


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
    weights = between(place_of(point, known), len(budgets))
    assert float(weights @ known) == pytest.approx(point)
    assert float(weights.sum()) == pytest.approx(1) and (weights > 0).sum() <= 2


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
