"""Channel gates with losses of their own: batch shaping, manifold regularisation."""

from functools import partial

import pytest
import torch
from scipy.stats import beta
from torch.nn.functional import cross_entropy

from baselines.bas import BAS, ShapingLoss, shaping_loss
from baselines.manidp import ManiDP, ManifoldLoss, likeness_distance, threshold_of
from bench.measurement.conformance import verify_method
from bench.methods.interface import TrainingBatch
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.cost import count_backbone

QUICK = ("skipped = masked", "MACs = independent count", "every gate gets a gradient", "batch norm moves once per step")


def batch(progress, images=16):
    labels = torch.arange(images) % 10
    return TrainingBatch(
        torch.randn(images, 3, 16, 16), labels, progress, partial(cross_entropy, target=labels, reduction="none")
    )


@pytest.mark.parametrize("method", [BAS(), ManiDP()])
def test_methods_are_what_they_claim(method):
    assert [one for one in verify_method(method, QUICK) if not one.passed] == []


def test_bas_gates_have_their_published_cost():
    network = BAS().build(cifar_resnet(20), 0.6)
    assert network.gate_cost.channels == (512,) * 3 + (768,) + (1024,) * 2 + (1536,) + (2048,) * 2
    assert sum(network.gate_cost.channels) / count_backbone(cifar_resnet(20)).total < 0.0003


def test_the_table_is_the_beta_distribution():
    prior = ShapingLoss(BAS(), 0.6).prior
    expected = beta(0.6, 0.4).cdf(torch.linspace(0, 1, 1001).numpy())
    torch.testing.assert_close(prior, torch.from_numpy(expected).float(), rtol=0, atol=1e-5)


def test_shaping_is_least_where_gates_follow_the_prior_and_sorts_nothing_else():
    prior = ShapingLoss(BAS(), 0.6).prior
    ranks = torch.arange(1, 65) / 65
    shaped = torch.from_numpy(beta(0.6, 0.4).ppf(ranks.numpy())).float()[:, None]
    even, certain = torch.full((64, 1), 0.6), torch.full((64, 1), 0.99)
    assert shaping_loss(shaped, prior) < 1e-4 < shaping_loss(even, prior) < shaping_loss(certain, prior)
    order = torch.randperm(64)
    torch.testing.assert_close(
        shaping_loss(even[order] * ranks[:, None], prior), shaping_loss(even * ranks[:, None], prior)
    )


def test_shaping_moves_equal_gates_apart():
    prior = ShapingLoss(BAS(), 0.6).prior
    probability = torch.linspace(0.55, 0.65, 32)[:, None].requires_grad_()
    shaping_loss(probability, prior).backward()
    steps = -probability.grad.flatten()
    assert steps[-1] > 0 > steps[0]


def test_bas_draws_only_in_training_and_not_at_its_end():
    network = BAS().build(cifar_resnet(8, width=0.25), 0.6).train()
    loss, seen = ShapingLoss(BAS(), 0.6), batch(0.9)
    for progress, differ in ((0.5, True), (0.9, False)):
        loss(network, batch(progress))
        with torch.no_grad():
            first, second = (network(seen.images).decisions[0].channels.kept for _ in range(2))
        assert torch.equal(first, second) != differ


def test_bas_threshold_rises_while_too_much_is_kept():
    network = BAS(openness=0.999).build(cifar_resnet(8, width=0.25), 0.3).train()
    loss = ShapingLoss(BAS(), 0.3)
    loss(network, batch(0.1))
    assert network.router.threshold == 0, "while gates are shaped nothing is aimed at"
    loss(network, batch(0.7))
    assert network.router.threshold > 0


def test_manidp_starts_as_the_dense_network_but_for_its_scales():
    network = ManiDP().build(cifar_resnet(8), 0.6).eval()
    output = network(torch.randn(4, 3, 32, 32))
    scales = torch.cat([decision.channels.scale.detach().flatten() for decision in output.decisions])
    assert output.executed().all() and scales.min() > 0 and scales.mean() == pytest.approx(1, abs=0.1)


def test_the_threshold_keeps_a_share_of_the_channels_of_the_data_set():
    means = torch.arange(10.0)
    for share, kept in ((1.0, 10), (0.5, 5), (0.0, 1)):
        assert (means >= threshold_of(means, torch.tensor(share))).sum() == kept


def test_only_easy_images_are_pressed():
    router = ManiDP().build(cifar_resnet(8, width=0.25), 0.6).router
    losses = torch.tensor([0.0, 0.25, 0.5, 3.25])  # their mean is 1, so the limit is one half
    assert router.pressed(losses, ManiDP()).tolist() == [1.0, 0.5, 0.0, 0.0]


def test_likenesses_are_compared_image_by_image():
    features = torch.eye(4)
    assert likeness_distance(features, 3 * features) == 0
    assert likeness_distance(torch.ones(4, 2), features) == pytest.approx(12 / 16)


def test_manidp_closes_channels_until_the_point_is_met():
    torch.manual_seed(0)
    network = ManiDP().build(cifar_resnet(8), 0.5).train()
    loss = ManifoldLoss(ManiDP(), 0.5)
    with torch.no_grad():
        for _ in range(60):
            loss(network, batch(0.9, images=8))
    assert network.macs_fraction(network(torch.randn(16, 3, 16, 16))).mean() == pytest.approx(0.5, abs=0.1)
