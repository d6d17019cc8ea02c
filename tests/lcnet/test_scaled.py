"""One path for all images, and scales for each."""

import torch
from one_step import IMAGES, build

from bench.measurement.conformance import verify_method
from lcnet.scaled import LCNetScaled


def test_it_is_what_it_claims_to_be():
    assert [outcome for outcome in verify_method(LCNetScaled()) if not outcome.passed] == []


def test_as_long_as_nothing_is_learned_it_is_the_control():
    own, control = build("lcnet_scaled")[0], build("lcnet_static")[0]
    for network in (own, control):
        network.router.threshold = torch.tensor(1.9)
    assert torch.equal(own.eval()(IMAGES).logits, control.eval()(IMAGES).logits)
    assert own.gate_cost == control.gate_cost


def test_scales_differ_between_images_where_decisions_do_not():
    network, stage = build("lcnet_scaled")
    network.router.threshold = torch.tensor(1.9)
    for net in network.router.nets():
        torch.nn.init.normal_(net.linear.weight)
    output = network(IMAGES)
    assert len(network.cost(output).total.unique()) == 1 and not output.decisions[0].channels.kept.all()
    for decision in output.decisions:
        for kept, scale in ((decision.layer.executed, decision.layer.scale), vars(decision.channels).values()):
            assert torch.equal(kept, kept[:1].expand_as(kept)) and scale.std(0).max() > 0
            assert torch.equal(scale > 0, kept > 0) and scale.max() <= 2
    learning = {id(parameter) for parameter in stage.groups[1].parameters}
    assert learning == {id(net.linear.weight) for net in network.router.nets()}
