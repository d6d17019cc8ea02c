"""Whole networks by Triton's interpreter are the masked network, sample by sample (see ``kernels_interpreted.py``)."""

from __future__ import annotations

import pytest
import torch
from gated import BiasedRouter, assert_same, bottlenecks, build, images
from orders import adversarial
from torch import nn
from triton.runtime.interpreter import InterpreterOptions, interpreter_builder

from baselines.blockdrop import BlockDrop
from baselines.skipnet import SkipNet
from bench.errors import BadInput
from bench.execution import to_inference
from bench.execution.triton import TritonNetwork
from bench.execution.triton.forms import FORMS
from bench.execution.triton.streams import STREAMS
from bench.measurement.conformance import CHECKS, Subject, execution
from bench.methods import load_method
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.cascade import Cascade
from bench.networks.exits import Exits, PooledHead
from bench.networks.network import DynamicNetwork
from bench.networks.stopping import BEYOND, Patience, StopRule
from lcnet.menu import LCNetMenu
from lcnet.method import CNet, LCNet, LNet

# Checks of integers for overflow take half of the time, and nothing here is large.
interpreter_builder.options = InterpreterOptions(sanitize_overflow=False)
METHODS = {
    "lnet": LNet(),
    "cnet": CNet(),
    "lcnet": LCNet(),
    "lcnet_menu": LCNetMenu(),
    "skipnet": SkipNet(),
    "blockdrop": BlockDrop(),
}


def network_of(method, width: float = 0.25) -> DynamicNetwork:
    """With gates, and thresholds of exits, that part samples."""
    torch.manual_seed(3)
    network = method.build(cifar_resnet(8, width=width), 0.5)
    for name, parameter in network.router.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif parameter.dim() > 1:
            nn.init.normal_(parameter, std=5 / parameter[0].numel() ** 0.5)
    build(network.backbone)
    with torch.no_grad():
        for _ in range(3):
            network.train()(images(7))
    return network.eval()


@pytest.mark.parametrize("name", METHODS)
def test_a_method(name):
    network, x = network_of(METHODS[name]), images(3, 5, 4)
    assert_same(network, TritonNetwork(network), x, again=False)


def split(network, x: torch.Tensor) -> None:
    """Thresholds by which about every other sample that comes to an answer stops there."""
    with torch.no_grad():
        given, left = list(network(x).exits.given), torch.arange(len(x))
        for number in range(len(given) - 1):
            scores = network.rule.score(given[: number + 1])[left]
            middle = len(left) // 2
            ordered = scores.sort().values
            network.rule.thresholds[number] = ordered[middle - 1 : middle + 1].mean() if middle else torch.inf
            left = left[scores <= network.rule.thresholds[number]]


def taken_by(triton: TritonNetwork, x: torch.Tensor) -> list[int]:
    """The answers that the last pass over images like ``x`` gave."""
    return triton.replays[x.shape].launches.answers.taken.tolist()


def gated_with_exits(rule: type[StopRule] = StopRule, size: int = 2) -> DynamicNetwork:
    """``size``: of maps at the first exit; its pool mixes means and maxima where that is larger than 4."""
    torch.manual_seed(0)
    backbone = cifar_resnet(8, width=0.1)
    backbone.image_shape = (3, 2, 2)
    heads = {index: PooledHead(backbone.blocks[index].out_channels, side, 10) for index, side in ((0, size), (1, 1))}
    build(backbone)
    return DynamicNetwork(backbone, BiasedRouter(backbone, 0.8, None), Exits(heads, rule(2))).eval()


@pytest.mark.parametrize("form", FORMS)
def test_samples_leave_at_exits_that_agree(form):
    network, x = gated_with_exits(Patience, 8), images(4, 2, 2)
    split(network, x)
    triton = TritonNetwork(network, form=form)
    assert_same(network, triton, x, again=form == "units")  # whoever left the first time is asked again
    assert taken_by(triton, x) == network(x).exits.taken.tolist()
    assert set(taken_by(triton, x)) == {0, 1, 2}


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize(("threshold", "answer"), [(BEYOND, 2), (-BEYOND, 0)])
def test_in_one_launch_all_leave_at_once_or_nobody(count, threshold, answer):
    network, x = gated_with_exits(), images(count, 2, 2)
    network.rule.thresholds.fill_(threshold)
    triton = TritonNetwork(network, form="whole")
    assert_same(network, triton, x, again=False)
    assert taken_by(triton, x) == [answer] * count


def test_who_leaves_one_launch_leaves_no_decision_of_the_batch_before():
    network, x = gated_with_exits(), images(3, 2, 2)
    split(network, x)
    triton = TritonNetwork(network, form="whole")
    for batch in (x, x.roll(1, 0)):
        assert_same(network, triton, batch, again=False)
    assert taken_by(triton, x) == network(x.roll(1, 0)).exits.taken.tolist() != network(x).exits.taken.tolist()


def test_a_cascade_whose_answers_are_means():
    members = [network_of(method) for method in (LNet(), CNet(), LNet())]
    for member in members[1:]:
        nn.init.normal_(member.backbone.classifier.weight)
    cascade = Cascade(members, []).eval()
    cascade.rule.averages.fill_(True)
    x = images(4, 4, 5)
    split(cascade, x)
    triton = to_inference(cascade, "triton")
    expected, found = cascade(x), triton(x)
    assert torch.equal(found.exits.taken, expected.exits.taken)
    assert torch.equal(triton.cost(found).total, cascade.cost(expected).total)
    torch.testing.assert_close(found.logits, expected.logits, rtol=1e-4, atol=1e-4)
    assert len(set(found.exits.taken.tolist())) == 3


@pytest.mark.parametrize("layers, channels, shortcut", [(0.0, 0.5, "B"), (1.0, 0.0, "A"), (0.5, 1.0, "B")])
def test_closed_and_open_gates_one_image_and_three(layers, channels, shortcut):
    torch.manual_seed(0)
    backbone = cifar_resnet(8, width=0.3, shortcut=shortcut)
    network = build(backbone, BiasedRouter(backbone, layers, channels))
    triton = TritonNetwork(network)
    for count in (3, 1):
        assert_same(network, triton, images(count, 4, 4), again=count == 1)


def test_bottlenecks_behind_a_pooled_stem():
    torch.manual_seed(0)
    backbone = bottlenecks(8)
    network = build(backbone, BiasedRouter(backbone, 0.5, 0.5))
    assert_same(network, TritonNetwork(network), images(1, 12, 13), again=False)


@pytest.mark.parametrize(
    "layers, channels, menu", [(0.5, None, None), (None, None, None), (0.5, 0.5, None), (1, 0.5, 2)]
)
def test_one_launch_for_the_whole_network(layers, channels, menu):
    torch.manual_seed(0)
    backbone = cifar_resnet(8, width=0.25)
    network = build(backbone, BiasedRouter(backbone, layers, channels, menu))
    assert_same(network, TritonNetwork(network, form="whole"), images(2, 4, 5), again=False)


@torch.inference_mode()
def test_images_on_streams_in_any_order_that_their_plan_allows():
    torch.manual_seed(0)
    backbone = cifar_resnet(8, width=0.1)
    network, x = build(backbone, BiasedRouter(backbone, 0.5, 0.5)), images(3, 2, 3)
    triton = TritonNetwork(network, form="streams")
    assert_same(network, triton, x, again=False)
    program, logits = triton.replays[x.shape].launches, triton.predict(x)
    assert len({step.stream for step in program.steps}) > 1
    program.answers.logits.zero_()
    for kernel in adversarial(program.steps, range(STREAMS)[::-1]):
        program.kernels[kernel]()
    assert torch.equal(program.answers.logits, logits)


def test_several_blocks_of_one_shape_in_one_launch():
    torch.manual_seed(0)
    backbone = cifar_resnet(14, width=0.2)
    network, x = build(backbone, BiasedRouter(backbone, 0.5, None)), images(1, 4, 4)
    with torch.no_grad():
        torch.testing.assert_close(TritonNetwork(network, form="whole").predict(x), network(x).logits)


def test_strided_blocks_of_one_shape_in_one_launch():
    torch.manual_seed(0)
    backbone = cifar_resnet(8, width=0.02)  # one channel everywhere
    network, x = build(backbone, BiasedRouter(backbone, 0.5, None)), images(2, 5, 4)
    with torch.no_grad():
        expected = network(x).logits
        assert expected.any()
        torch.testing.assert_close(TritonNetwork(network, form="whole").predict(x), expected)


def test_what_cannot_be_one_launch_is_said():
    projected = build(cifar_resnet(8, width=0.25, shortcut="B"))
    for network, reason in ((network_of(SkipNet()), "more than linear"), (projected, "shortcut without parameters")):
        with pytest.raises(BadInput, match=reason):
            TritonNetwork(network, form="whole")


def test_executors_by_name_and_what_they_refuse():
    network = network_of(LNet())
    assert to_inference(network, "triton").executor == "triton"
    assert to_inference(network, "auto").executor != "triton", "nothing says yet where it is faster"
    triton = TritonNetwork(network)
    with pytest.raises(BadInput, match="images must have shape"):
        triton(torch.zeros(2, 4, 8, 8))
    with pytest.raises(BadInput, match="precision must be one of"):
        TritonNetwork(network, "int4")
    network.double()
    with pytest.raises(BadInput, match="parameters are not float32"):
        TritonNetwork(network)


def test_a_method_is_verified(monkeypatch):
    monkeypatch.setattr(LCNet, "verified_on", "resnet8-w0.25")
    monkeypatch.setattr(execution, "INTERPRETED", 1)
    assert "largest logit difference" in CHECKS["triton = masked"](Subject(load_method("lcnet")))
