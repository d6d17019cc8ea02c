"""Gates that see more than LC-Net's: what they see, what it costs, and that the network stays what it claims to be."""

import pytest
import torch
from one_step import IMAGES, batch, build

from bench.measurement.conformance import verify_method
from bench.methods import load_method
from lcnet.informed import entropy, pooled


def test_it_is_what_it_claims_to_be():
    method = load_method("lcnet_informed[sees=deviation,earlier=8,asks=logits]")
    assert [outcome for outcome in verify_method(method) if not outcome.passed] == []


@pytest.mark.parametrize("name", ["lcnet_informed", "lcnet_taught"])
def test_with_every_option_off_it_is_lcnet(name):
    (own, stage), (plain, theirs) = build(name), build("lcnet")
    assert {key: value.shape for key, value in own.state_dict().items()} == {
        key: value.shape for key, value in plain.state_dict().items()
    }
    assert stage.loss(own, batch()).item() == pytest.approx(theirs.loss(plain, batch()).item(), rel=1e-6)
    assert own.gate_cost == plain.gate_cost and own.router.folded_gates(0) is not None


def test_what_is_seen_of_a_channel():
    x = torch.randn(4, 3, 5, 5)
    torch.testing.assert_close(pooled(x, "deviation")[:, 3:] ** 2, x.flatten(2).var(2, unbiased=False))
    assert torch.equal(pooled(x, "maximum")[:, 3:], x.flatten(2).max(2).values)
    assert torch.equal(pooled(x, "mean"), pooled(x, "maximum")[:, :3])
    torch.testing.assert_close(entropy(torch.zeros(2, 10)), torch.full((2, 1), 10.0).log())


def test_gates_see_the_inputs_of_earlier_blocks_and_what_that_costs():
    network, _ = build("lcnet_informed[earlier=1]")
    widths = [16, 16 + 16, 16 + 32]
    assert [norm.num_features for norm in network.router.norms] == widths
    assert network.gate_cost.layer == tuple(widths)
    assert network.gate_cost.channels == tuple(width * inner for width, inner in zip(widths, (16, 32, 64)))
    network.eval()(IMAGES)
    first, second, _ = network.router.seen
    assert torch.equal(second, network.backbone.blocks[0](network.backbone.stem(IMAGES)).mean((2, 3)).detach())
    assert first.shape == (16, 16), "of this pass alone, however many there were"


def test_what_classifiers_say_costs_what_they_cost_and_reaches_no_feature():
    network, stage = build("lcnet_informed[asks=logits]")
    plain, _ = build("lcnet")
    # In front of the stages behind the first: 16 x 4 x 4 and 32 x 4 x 4 features, 10 classes; gates see 10, then 20.
    more = [after - before for after, before in zip(network.gate_cost.layer, plain.gate_cost.layer)]
    assert more == [0, 2560 + 10, 5120 + 20]
    network.router.start(IMAGES)
    network(IMAGES)
    stage.loss._of_answers(network, batch()).backward()
    assert all(asker.linear.weight.grad.abs().sum() > 0 for asker in network.router.askers.values())
    assert all(parameter.grad is None for parameter in network.backbone.parameters())
    learning = {id(parameter) for group in stage.groups for parameter in group.parameters}
    assert {id(parameter) for parameter in network.router.askers.parameters()} <= learning
