"""Networks in lower precision: the same decisions' cost, sample by sample, and answers within rounding."""

import copy

import pytest
import torch

from baselines.channel_gating import ChannelGating
from baselines.early_exit import EarlyExit
from baselines.skipnet import SkipNet
from bench.errors import BadInput
from bench.execution import to_inference
from bench.execution.precision import products
from bench.measurement.dense import dense_forms
from bench.networks.backbones import build_backbone
from bench.networks.cascade import Cascade, Member
from bench.networks.network import DynamicNetwork
from lcnet.method import LCNet

ROUNDED = 0.02
"""Of the largest logit. bfloat16 holds 8 bits: each of some twenty roundings in a row changes at most 0.4 %."""


def _built(method):
    torch.manual_seed(0)
    return method.build(build_backbone("resnet8", 10), 0.6).eval()


def _cascade():
    names = ("resnet8-w0.5", "resnet8")
    members = [DynamicNetwork(build_backbone(name, 10)) for name in names]
    return Cascade(members, [Member("dense", None, name) for name in names]).eval()


NETWORKS = {
    "layers and channels": lambda: _built(LCNet()),
    "gates with a state": lambda: _built(SkipNet()),
    "exits": lambda: _built(EarlyExit()),
    "units that gate themselves": lambda: _built(ChannelGating()),
    "a cascade": _cascade,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_bfloat16_answers_within_rounding_and_counts_whole_macs(name):
    network, x = NETWORKS[name](), torch.randn(5, 3, 32, 32)
    exact, rounded = to_inference(network, "torch"), to_inference(network, "torch", "bfloat16")
    expected, found = exact(x), rounded(x)
    assert found.logits.dtype == torch.float32 and not torch.equal(found.logits, expected.logits)
    torch.testing.assert_close(found.logits, expected.logits, rtol=0, atol=ROUNDED * float(expected.logits.abs().max()))
    macs = rounded.cost(found).total
    assert torch.equal(macs, macs.round()) and (macs <= rounded.backbone_cost.total * 1.2).all()
    one = rounded(x[2:3])
    torch.testing.assert_close(one.logits, found.logits[2:3], rtol=0, atol=ROUNDED * float(found.logits.abs().max()))
    assert rounded.cost(one).total == macs[2], "a batch of N is N of one"
    torch.testing.assert_close(rounded.predict(x), found.logits)


def test_a_skipped_block_is_not_computed_in_bfloat16_either():
    network = _built(LCNet())
    network.router.threshold.fill_(100.0)
    rounded, x = to_inference(network, "torch", "bfloat16"), torch.randn(3, 3, 32, 32)
    output = rounded(x)
    gates = sum(network.router.cost().layer)
    rest = network.backbone_cost.total - sum(block.branch for block in network.backbone_cost.blocks)
    assert not any(decision.layer.executed.any() for decision in output.decisions)
    assert (rounded.cost(output).total == rest + gates).all()


def test_every_dense_form_computes_in_bfloat16():
    backbone, x = build_backbone("resnet8", 10).eval(), torch.randn(2, 3, 32, 32)
    expected = backbone(x).detach()
    for name, form in dense_forms(copy.deepcopy(backbone), compile=False, precision="bfloat16").items():
        found = form(x)
        assert found.dtype == torch.float32 and not torch.equal(found, expected), name
        torch.testing.assert_close(found, expected, rtol=0, atol=ROUNDED * float(expected.abs().max()))


def test_what_cannot_compute_so_says_it():
    network = _built(LCNet())
    for executor in ("native", "onnxruntime"):
        with pytest.raises(BadInput, match=f"in bfloat16: the executor {executor} computes in float32 alone"):
            to_inference(network, executor, "bfloat16")
    with pytest.raises(BadInput, match="cannot run in tf32: products in TF32 need an NVIDIA GPU"):
        to_inference(network, "torch", "tf32")
    assert to_inference(network, "auto", "bfloat16").executor == "torch"


def test_stock_kernels_multiply_in_tf32_only_where_it_is_asked_for():
    switches = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [switch.allow_tf32 for switch in switches]
    with products("tf32"):
        assert all(switch.allow_tf32 for switch in switches)
        with products("bfloat16"):
            assert not any(switch.allow_tf32 for switch in switches)
    assert [switch.allow_tf32 for switch in switches] == before
