"""LC-Net: scores, initialisation, cost, and training that lands on its operating point with images that differ."""

import copy

import pytest
import torch

from bench.backbones import build_backbone
from bench.dynamic.method import Budget
from bench.training import Recipe, train
from lcnet.gates import CHANNEL_SCORE, channel_importance, channel_worths, spread_scores
from lcnet.method import CNet, LCNet, LNet


def test_at_the_start_a_trained_backbone_is_undisturbed(trained_resnet20, cifar10):
    images = cifar10.normalise(cifar10.validation.images[:256])
    dense = copy.deepcopy(trained_resnet20).train()
    network = LCNet().build(trained_resnet20, 0.6).train()
    with torch.no_grad():
        output, expected = network(images), dense(images)
    # A few scores of unusual images lie below 1 already.
    assert (output.logits - expected).abs().max() < 0.02 * expected.abs().max()
    gates = network.gate_cost
    open_cost = network.backbone_cost.total + sum(gates.layer) + sum(gates.channels)
    assert (network.cost(output).total == open_cost).all()


def test_as_the_threshold_rises_channels_close_in_the_order_of_their_importance(trained_resnet20, cifar10):
    images = cifar10.normalise(cifar10.validation.images[:256])
    network = LCNet().build(trained_resnet20, 0.6).train()
    fractions = []
    for threshold in (-1.0, 0.5, 1.0, 2.0):
        network.router.threshold.fill_(threshold)
        with torch.no_grad():
            output = network(images)
        fraction = network.macs_fraction(output)
        fractions.append(fraction.mean().item())
        for decision, net in zip(output.decisions, network.router.channel_nets):
            kept = decision.channels.kept[:, net.linear.bias.argsort(descending=True)]
            assert (kept.diff(dim=1) <= 0).all()  # every image keeps the most important ones
    assert fractions == sorted(fractions, reverse=True) and fractions[-1] < 0.7
    assert fraction.unique().numel() == 1  # how images differ is still to be learned


def test_a_dead_channel_is_the_least_important():
    block = build_backbone("resnet8", classes=10).blocks[1]
    block.units[0].norm.weight.data[5] = 0
    block.units[0].norm.bias.data[5] = -1
    assert channel_importance(block).argmin() == 5
    block.units[1].conv.weight.data[:, 9] = 0
    block.units[0].norm.weight.data[5] = 1
    assert channel_importance(block).argmin() == 9


def test_a_weaker_branch_is_worth_less_and_closes_earlier(trained_resnet20):
    weak = copy.deepcopy(trained_resnet20)
    weak.blocks[4].units[-1].norm.weight.data.mul_(0.5)
    weak.blocks[4].units[-1].norm.bias.data.mul_(0.5)
    before, after = channel_worths(trained_resnet20), channel_worths(weak)
    for index, (strong, weakened) in enumerate(zip(before, after)):
        assert torch.allclose(weakened, strong * (0.5 if index == 4 else 1.0))
    before, after = spread_scores(before), spread_scores(after)
    assert after[4].mean() < before[4].mean() - 0.1
    assert all((one >= other).all() for index, (one, other) in enumerate(zip(after, before)) if index != 4)


def test_scores_follow_the_worth_within_a_block_and_keep_the_best_of_every_block(trained_resnet20):
    worths = channel_worths(trained_resnet20)
    for worth, score in zip(worths, spread_scores(worths)):
        assert torch.equal(score.argsort(stable=True), worth.argsort(stable=True))
        assert score.min() > 0 and CHANNEL_SCORE / 2 < score.max() <= CHANNEL_SCORE


def test_importance_is_the_deviation_of_what_the_next_convolution_reads():
    """Against a sample: E[relu(b + g n)^2] for normal n, within the sampling error of 200,000 draws."""
    block = build_backbone("resnet8", classes=10).blocks[0]
    norm, reader = block.units[0].norm, block.units[1].conv
    torch.manual_seed(0)
    torch.nn.init.uniform_(norm.weight, -1.5, 1.5)
    torch.nn.init.uniform_(norm.bias, -1, 1)
    draws = torch.relu(norm.bias + norm.weight * torch.randn(200_000, 16))
    sampled = draws.square().mean(0).sqrt() * reader.weight.square().sum((0, 2, 3)).sqrt()
    assert torch.allclose(channel_importance(block), sampled, atol=0.01)


@pytest.mark.parametrize(
    ("method", "layers", "channels"), [(LNet, True, False), (CNet, False, True), (LCNet, True, True)]
)
def test_gate_cost(method, layers, channels):
    cost = method().build(build_backbone("resnet20", classes=10), 0.5).gate_cost
    widths = [(16, 16)] * 3 + [(16, 32)] + [(32, 32)] * 2 + [(32, 64)] + [(64, 64)] * 2
    assert cost.layer == (tuple(before for before, _ in widths) if layers else (0,) * 9)
    assert cost.channels == (tuple(before * inner for before, inner in widths) if channels else (0,) * 9)


def test_the_gates_do_not_send_gradients_into_the_features(trained_resnet20):
    """Through a nearly constant channel they would be blown up by the standardisation."""
    router = LCNet().build(trained_resnet20, 0.6).router
    features = torch.randn(8, 16, 4, 4, requires_grad=True)
    assert not router.look(0, features).requires_grad


def test_training_lands_on_its_operating_point(digits, tmp_path):
    torch.manual_seed(0)
    network = LCNet().build(build_backbone("resnet8", classes=10), 0.5)
    stages = LCNet().stages(network, 0.5, Budget(8, pretrained=False))
    history = train(
        network, stages, digits, Recipe(batch_size=32),
        point=0.5, seed=0, teacher=None, checkpoint=tmp_path / "checkpoint.pt",
    )  # fmt: skip
    assert abs(history["validation_macs_fraction"].iloc[-1] - 0.5) < 0.03
    assert history["validation_macs_fraction_std"].iloc[-1] > 0.005  # images differ
    assert history["validation_top1"].iloc[-1] > 75
