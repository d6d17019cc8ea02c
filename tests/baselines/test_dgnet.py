"""Channels and tiles: what the method claims, both decisions at once, its gates' cost, noise and bounds."""

import math
from functools import partial

import pytest
import torch
from gated import BACKBONES, build
from torch import nn

from baselines.dgnet import DGNet, DualLoss, open_shares
from bench.errors import BadInput
from bench.execution.skipping import lower
from bench.measurement.conformance import CHECKS, verify_method
from bench.measurement.counting import count_each
from bench.methods.interface import TrainingBatch
from bench.networks.backbones import build_backbone
from bench.networks.backbones.cifar import cifar_resnet


def batch(progress, images=8):
    labels = torch.arange(images) % 10
    loss = partial(nn.functional.cross_entropy, target=labels, reduction="none")
    return TrainingBatch(torch.randn(images, 3, 32, 32), labels, progress, loss)


def undecided(backbone, choices):
    """A network whose gates are open for about half of what they see; the first block keeps no channel."""
    build(backbone)
    network = choices.build(backbone, 0.6).eval()
    for gate in (*network.router.tile_gates, *network.router.channel_gates):
        last = gate.near if hasattr(gate, "near") else gate.output
        nn.init.zeros_(last.bias)
        nn.init.normal_(last.weight)
        last.weight.data -= last.weight.data.mean()  # what is pooled is positive
    nn.init.constant_(network.router.channel_gates[0].output.bias, -99.0)
    return network


def test_it_is_what_it_claims():
    found = verify_method(DGNet(), [name for name in CHECKS if "answer" not in name])
    assert [one for one in found if not one.passed] == []


@pytest.mark.parametrize(
    ("backbone", "choices"),
    [
        ("basic, projections", DGNet()),
        ("basic, odd widths", DGNet(tiles=5, smallest=3)),  # no side is a multiple of its tiles
        ("bottleneck", DGNet(tiles=7, smallest=1)),
    ],
)
@torch.inference_mode()
def test_masked_is_skipped_and_counted_with_both_decisions_at_once(backbone, choices):
    torch.manual_seed(0)
    network = undecided(BACKBONES[backbone](), choices)
    images = torch.randn(6, 3, 32, 32)
    masked, skipped = network(images), lower(network)(images)
    torch.testing.assert_close(skipped.logits, masked.logits, rtol=1e-4, atol=1e-4 * masked.logits.abs().max().item())
    channels, positions = open_shares(masked)
    assert channels[0] == 0 and ((channels[1:] > 0) & (channels[1:] < 1)).all()
    assert ((positions > 0) & (positions < 1)).sum() > len(positions) / 2
    assert network.cost(masked).total.round().long().tolist() == count_each(network, images)


def test_what_is_open_is_so_for_whole_tiles():
    torch.manual_seed(0)
    network = undecided(cifar_resnet(20), DGNet())
    with torch.no_grad():
        output = network(torch.randn(4, 3, 32, 32))
    for decision, side in zip(output.decisions, [4, 4, 4, 2, 2, 2, 2, 2, 2]):
        tiles = decision.positions[:, :, ::side, ::side]
        whole = tiles.repeat_interleave(side, 2).repeat_interleave(side, 3)
        assert torch.equal(decision.positions, whole) and 0 < tiles.mean() < 1


def test_gates_cost_a_convolution_of_tiles_and_two_linear_layers():
    network = DGNet().build(cifar_resnet(20), 0.6)
    inputs, inner = [16] * 4 + [32] * 3 + [64] * 2, [16] * 3 + [32] * 3 + [64] * 3
    tiles = [8 * 8] * 6 + [4 * 4] * 3
    assert network.gate_cost.layer == tuple(count * 9 * channels for count, channels in zip(tiles, inputs))
    assert network.gate_cost.channels == tuple(a // 4 * (a + b) for a, b in zip(inputs, inner))


def test_new_gates_are_open_and_draw_only_in_training_and_not_at_its_end():
    torch.manual_seed(0)
    network = DGNet().build(cifar_resnet(8, width=0.5), 0.6).train()
    loss, seen = DualLoss(DGNet(), 0.6), batch(0.5)
    for progress, differ in ((0.5, True), (0.9, False)):
        loss(network, batch(progress))
        with torch.no_grad():
            first, second = (network(seen.images).decisions[0] for _ in range(2))
        assert torch.equal(first.positions, second.positions) != differ
        assert torch.equal(first.channels.kept, second.channels.kept) != differ
    assert min(share.min() for share in open_shares(network(seen.images))) > 0.9


@pytest.mark.parametrize(("gates", "last"), [("tile_gates", "near"), ("channel_gates", "output")])
def test_channels_and_tiles_of_each_block_are_held_near_the_root_of_the_budget_and_then_let_go(gates, last):
    torch.manual_seed(0)
    network = DGNet(quiet=1.0).build(cifar_resnet(8, width=0.5), 0.6).train()
    nn.init.constant_(getattr(getattr(network.router, gates)[0], last).bias, -99.0)

    def beyond(progress):
        torch.manual_seed(1)
        step = batch(progress)
        losses = [DualLoss(DGNet(bounds=weight, quiet=1.0), 0.6)(network, step).item() for weight in (0.0, 3.0)]
        return losses[1] - losses[0]

    # One of three blocks is closed, the others are open.
    held, target = math.exp(-6 * 0.1), 1 - 0.4 * 0.1 / 0.5
    expected = (held**2 * target) + 5 * (held * (1 - math.sqrt(target))) ** 2
    assert beyond(0.0) == pytest.approx(1, abs=1e-3)
    assert beyond(0.1) == pytest.approx(expected, rel=0.01)
    assert beyond(1.0) < 1e-4


def test_what_has_no_single_positions_is_refused():
    with pytest.raises(BadInput, match="choose a method that decides about layers"):
        DGNet().build(build_backbone("regnetx_002", 10, "digits"), 0.6)
