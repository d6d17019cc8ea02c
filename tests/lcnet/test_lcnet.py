"""LC-Net: scores, initialisation, cost, and training that lands on its operating point with images that differ."""

import copy

import pytest
import torch

from bench.methods.interface import Budget
from bench.networks.backbones import build_backbone
from bench.training import Checkpoint, Recipe, Trainer
from lcnet.gates import CHANNEL_SCORE, spread_scores
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


def test_as_the_threshold_rises_channels_close_in_the_order_of_their_scores(trained_resnet20, cifar10):
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
            assert (kept.diff(dim=1) <= 0).all()  # every image keeps the same ones, the highest
    assert fractions == sorted(fractions, reverse=True) and fractions[-1] < 0.7
    assert fraction.unique().numel() == 1  # how images differ is still to be learned


def test_every_block_loses_as_large_a_share_and_blocks_take_turns(trained_resnet20):
    scores = spread_scores([block.inner_norms() for block in trained_resnet20.blocks], torch.arange(9))
    for threshold in torch.linspace(0, CHANNEL_SCORE, 50):
        closed = [(score < threshold).sum().item() for score in scores]
        for width in (16, 32, 64):
            alike = torch.cat([score for score in scores if len(score) == width])
            assert alike.unique().numel() == 3 * width, "no two channels of blocks of one width close at once"
            same = [count for count, score in zip(closed, scores) if len(score) == width]
            assert same == sorted(same, reverse=True) and same[0] - same[-1] <= 1, "less important blocks go first"
        shares = [count / len(score) for count, score in zip(closed, scores)]
        assert max(shares) - min(shares) <= 1 / 16
    assert max(map(torch.max, scores)) <= CHANNEL_SCORE and min(map(torch.min, scores)) > 0


def test_channels_close_in_the_order_of_their_filters(trained_resnet20):
    block = trained_resnet20.blocks[1]
    (scores,) = spread_scores([block.inner_norms()], torch.ones(1))
    sizes = block.units[0].conv.weight.detach().abs().sum((1, 2, 3))
    assert torch.equal(scores.argsort(), sizes.argsort())


def test_mean_scores_do_not_learn_and_images_come_to_differ(trained_resnet20, cifar10):
    network = LCNet().build(trained_resnet20, 0.6).train()
    network.router.threshold.fill_(CHANNEL_SCORE / 2)
    net = network.router.channel_nets[4]
    before = net.linear.bias.detach().clone()
    (stage,) = LCNet().stages(network, 0.6, Budget(1, pretrained=True))
    router = stage.groups[1]
    optimiser = torch.optim.AdamW(router.parameters, router.lr, weight_decay=0.0)
    images = cifar10.normalise(cifar10.validation.images[:64])
    torch.nn.functional.cross_entropy(network(images).logits, cifar10.validation.labels[:64]).backward()
    optimiser.step()
    assert torch.equal(net.linear.bias, before)
    pooled = network.router.gate_input(4, torch.relu(torch.randn(64, 32, 8, 8)))
    assert net(pooled).std(0).max() > 1e-4
    assert torch.allclose(net(pooled).mean(0), before, atol=1e-4), "standardised inputs have zero mean"


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
    assert not router.gate_input(0, features).requires_grad


def test_training_lands_on_its_operating_point(digits, tmp_path):
    torch.manual_seed(0)
    network = LCNet().build(build_backbone("resnet8", classes=10), 0.5)
    stages = LCNet().stages(network, 0.5, Budget(8, pretrained=False))
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")
    history = Trainer(network, digits, Recipe(batch_size=32), checkpoint, point=0.5).fit(stages)
    assert abs(history["validation_macs_fraction"].iloc[-1] - 0.5) < 0.03
    assert history["validation_macs_fraction_std"].iloc[-1] > 0.005  # images differ
    assert history["validation_top1"].iloc[-1] > 75
