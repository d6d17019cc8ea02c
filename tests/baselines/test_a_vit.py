"""Tokens that stop: what the method claims, its sums, its gradients and its start."""

from functools import partial

import pytest
import torch
from torch import nn

from baselines.a_vit import EPS, AViT, Halting, PonderLoss, divergence
from bench.errors import BadInput
from bench.execution.onnx import not_exported
from bench.measurement.conformance import CHECKS, verify_method
from bench.measurement.controls import can_shuffle
from bench.methods.interface import TrainingBatch
from bench.networks.backbones import build_backbone
from bench.runs.plan.suite import Suite, check_suite

IMAGES = 8


def network_of():
    torch.manual_seed(0)
    backbone = build_backbone(AViT.verified_on, 10)
    backbone.image_shape = (3, 16, 16)
    return AViT().build(backbone, 0.6)


def batch(progress):
    labels = torch.arange(IMAGES) % 10
    loss = partial(nn.functional.cross_entropy, target=labels, reduction="none")
    return TrainingBatch(torch.randn(IMAGES, 3, 16, 16), labels, progress, loss)


def test_it_is_what_it_claims_and_skips_for_real():
    found = {one.check: one for one in verify_method(AViT(), [name for name in CHECKS if "answer" not in name])}
    assert [one for one in found.values() if not one.passed] == []
    assert found["MACs = independent count"].detail.endswith("different costs, equal to the last MAC")
    assert not found["MACs = independent count"].detail.startswith("12 images, 1 ")
    assert found["native = masked"].detail.endswith(not_exported(network_of()))


@torch.no_grad()
def test_where_no_token_stops_it_is_the_backbone():
    network, images = network_of().eval(), torch.randn(IMAGES, 3, 16, 16)
    nn.init.constant_(network.router.bias, -1000.0)
    output = network(images)
    torch.testing.assert_close(output.logits, network.backbone(images))
    assert (network.macs_fraction(output) == 1).all()
    assert not can_shuffle(network)


def test_a_token_stops_where_its_scores_reach_one_and_an_image_where_its_class_token_does():
    torch.manual_seed(0)
    layers, images, tokens = 6, 40, 5
    scores, x = torch.rand(layers, images, tokens) ** 2, torch.randn(layers, images, 3, tokens, 1)
    nothing = torch.zeros(images, 1)
    state = Halting(nothing, nothing + 1, nothing + 1, nothing, nothing)
    runs = []
    for layer, score in enumerate(scores):
        runs.append(state.runs.expand(-1, tokens))
        state.add(x[layer], score, score if layer < layers - 1 else torch.ones_like(score))
    for image in range(images):
        ends, answer = layers, torch.zeros(3)
        for token in range(tokens):
            total, ran, ponder = 0.0, 0, 0.0
            for layer in range(ends):
                ran, score = layer + 1, scores[layer, image, token].item()
                weight, stops = (1 - total, True) if total + score >= 1 - EPS or ran == layers else (score, False)
                answer += weight * x[layer, image, :, 0, 0] if token == 0 else 0
                ponder, total = ran + (weight if stops else 0), total + score
                if stops:
                    break
            ends = ran if token == 0 else ends
            assert [row[image, token].item() for row in runs] == [1] * ran + [0] * (layers - ran)
            assert state.ponder[image, token].item() == pytest.approx(ponder, abs=1e-5)
        torch.testing.assert_close(state.answer[image], answer)


def test_the_pull_moves_gamma_and_beta_and_nothing_else():
    network = network_of()
    nn.init.zeros_(network.router.bias)
    network.macs_fraction(network(torch.randn(IMAGES, 3, 16, 16))).mean().backward()
    assert network.router.bias.grad < 0 < network.router.scale.grad.abs()
    assert all(parameter.grad is None for parameter in network.backbone.parameters())


def test_behind_training_the_cost_hangs_on_the_image():
    network, images = network_of().eval(), torch.randn(IMAGES, 3, 16, 16, requires_grad=True)
    nn.init.zeros_(network.router.bias)
    network.macs_fraction(network(images)).sum().backward()
    assert (images.grad.abs().amax((1, 2, 3)) > 0).all()


def test_it_starts_with_few_tokens_stopping_whatever_the_weights_are():
    network = network_of()
    with torch.no_grad():
        network.backbone.blocks[1].inner[-2].bias[0] += 7
        output = network(torch.randn(IMAGES, 3, 16, 16))
    assert 0.85 < network.macs_fraction(output).mean() <= 1
    assert 0.5 < torch.stack(output.state.means[:-1]).sum() / AViT().early < 2


@pytest.mark.parametrize("progress", [0.0, 1.0])
def test_the_loss_adds_layers_and_remainders_and_the_distance_from_the_prior(progress):
    network = network_of()
    losses = [PonderLoss(AViT(ponder=ponder, prior=prior), 0.6) for ponder, prior in ((0, 0), (1, 0), (0, 1))]
    torch.manual_seed(1)
    step = batch(progress)
    plain, pondering, near = (loss(network, step).item() for loss in losses)
    assert pondering - plain == pytest.approx(6, abs=1.1)
    assert near > plain


def test_the_prior_lies_at_the_operating_point():
    layers = torch.arange(12.0)
    means = [(-(layers - centre).square() / 2).softmax(0) for centre in (4.0, 7.2, 10.0)]
    low, least, high = (divergence(mean, 0.6) for mean in means)
    assert least < 0.01 < 1 < min(low, high)


def test_networks_of_convolutions_are_refused_before_anything_is_trained():
    with pytest.raises(BadInput, match="a choice of tokens needs a transformer"):
        check_suite(Suite(methods=("dense", "a_vit"), dataset="digits", backbone="resnet8", epochs=1))
