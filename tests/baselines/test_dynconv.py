"""Masks of positions: what the method claims, its gates, its noise, and who refuses it."""

from functools import partial

import pytest
import torch
from torch import nn

from baselines.dynconv import BudgetLoss, DynConv
from bench.errors import BadInput
from bench.execution import native_obstacle, to_inference
from bench.execution.onnx import not_exported
from bench.measurement.conformance import CHECKS, verify_method
from bench.methods.interface import TrainingBatch
from bench.networks.backbones.cifar import cifar_resnet

REFUSED = "its gates decide about positions"


def batch(progress, images=8):
    labels = torch.arange(images) % 10
    loss = partial(nn.functional.cross_entropy, target=labels, reduction="none")
    return TrainingBatch(torch.randn(images, 3, 16, 16), labels, progress, loss)


def test_it_is_what_it_claims_and_skips_for_real():
    found = {one.check: one for one in verify_method(DynConv(), [name for name in CHECKS if "answer" not in name])}
    assert [one for one in found.values() if not one.passed] == []
    assert found["MACs = independent count"].detail.endswith("12 different costs, equal to the last MAC")
    assert REFUSED in found["native = masked"].detail


def test_gates_cost_a_convolution_to_one_map_and_a_linear_layer():
    network = DynConv().build(cifar_resnet(20), 0.6)
    strided = [256 * 9 * 16 + 16, 64 * 9 * 32 + 32]
    assert network.gate_cost.layer == (
        *(1024 * 9 * 16 + 16,) * 3, strided[0], *(256 * 9 * 32 + 32,) * 2, strided[1], *(64 * 9 * 64 + 64,) * 2
    )  # fmt: skip


def test_new_gates_are_mostly_open_and_draw_only_in_training_and_not_at_its_end():
    torch.manual_seed(0)
    network = DynConv().build(cifar_resnet(8, width=0.25), 0.6).train()
    loss, seen = BudgetLoss(DynConv(), 0.6), batch(0.5)
    for progress, differ in ((0.5, True), (0.9, False)):
        loss(network, batch(progress))
        with torch.no_grad():
            first, second = (network(seen.images).decisions[0].positions for _ in range(2))
        assert torch.equal(first, second) != differ
        assert first.mean() > 0.8


def test_blocks_are_held_together_at_first_and_then_let_go():
    torch.manual_seed(0)
    network = DynConv().build(cifar_resnet(8, width=0.25), 0.6).train()
    nn.init.constant_(network.router.gates[0].near.bias, -9.0)

    def beyond(progress):
        losses = []
        for weight in (0.0, 10.0):
            torch.manual_seed(1)
            losses.append(BudgetLoss(DynConv(bounds=weight), 0.6)(network, batch(progress)).item())
        return losses[1] - losses[0]

    assert beyond(0.0) > 0.5
    assert beyond(0.9) == pytest.approx(0, abs=1e-5)


def test_who_does_not_know_positions_says_so_in_one_line():
    network = DynConv().build(cifar_resnet(8, width=0.25), 0.6).eval()
    assert native_obstacle(network) == not_exported(network) == REFUSED
    for executor in ("native", "onnxruntime"):
        with pytest.raises(BadInput, match=REFUSED):
            to_inference(network, executor)
