"""Networks with several answers: skipping execution is masked execution, and costs are those of what ran."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baselines.ztw import ZTW, ChainedHead, GeometricMeans
from bench.errors import BadInput
from bench.execution import to_inference
from bench.execution.native import targets
from bench.execution.skipping import lower
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.cascade import Cascade, Member
from bench.networks.cost import count_backbone
from bench.networks.decisions import LayerDecision
from bench.networks.exits import Exits, PooledHead, map_sizes
from bench.networks.network import DynamicNetwork
from bench.networks.router import Router
from bench.networks.stopping import Entropy, Patience, StopRule, log_odds
from lcnet.method import LCNet
from lcnet.router import LCRouter

IMAGES, SIZE = 8, 16
AFTER = (0, 2, 3)


@pytest.fixture(autouse=True)
def _one_thread(_threads):
    """Tiny convolutions: a second thread would only be waited for."""
    torch.set_num_threads(1)


def backbone(depth=14, shortcut="A"):
    network = cifar_resnet(depth, classes=10, shortcut=shortcut).eval()
    network.image_shape = (3, SIZE, SIZE)
    return network


def exits(network, rule=StopRule):
    sizes = map_sizes(network)
    heads = {index: PooledHead(network.blocks[index].out_channels, sizes[index], 10) for index in AFTER}
    return Exits(heads, rule(len(heads)))


def chained(network):
    sizes = map_sizes(network)
    heads = {index: ChainedHead(network.blocks[index].out_channels, sizes[index], 10, index > 0) for index in AFTER}
    return Exits(heads, GeometricMeans(len(heads), 10))


def gated(network):
    router = LCRouter(network, LCNet(channels=False))
    for net in router.layer_nets:
        torch.nn.init.normal_(net.linear.weight, std=3.0)
    router.threshold.fill_(5.0)
    return DynamicNetwork(network, router, exits(network))


def cascade(*depths):
    members = [DynamicNetwork(backbone(depth)) for depth in depths]
    return Cascade(members, [Member("dense", None, f"resnet{depth}") for depth in depths])


torch.manual_seed(0)
NETWORKS = {
    "confidence": DynamicNetwork(backbone(), exits=exits(backbone())),
    "entropy": DynamicNetwork(backbone(), exits=exits(backbone(), Entropy)),
    "patience": DynamicNetwork(backbone(), exits=exits(backbone(), Patience)),
    "earlier answers": DynamicNetwork(backbone(shortcut="B"), exits=chained(backbone())),
    "gates and exits": gated(backbone()),
    "two members": cascade(8, 14),
    "three members": cascade(8, 14, 20),
}
for _network in NETWORKS.values():
    _network.eval().requires_grad_(False)


def images(seed):
    scale = torch.linspace(0.3, 3, IMAGES)[:, None, None, None]
    return torch.randn(IMAGES, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed)) * scale


def stop_some(network, x, shares):
    """Thresholds between two scores, with about ``shares`` of the images below each."""
    network.rule.thresholds.fill_(torch.inf)
    given_ = network(x).exits.given
    for number, share in enumerate(shares[: len(given_) - 1]):
        ordered = network.rule.score(list(given_[: number + 1])).sort().values
        ordered = torch.cat([ordered[:1] - 1, ordered, ordered[-1:] + 1])
        place = round(share * IMAGES)
        network.rule.thresholds[number] = (ordered[place] + ordered[place + 1]) / 2


def require_same(expected, found, rows=slice(None)):
    # Float32 rounding where convolutions are summed in another order.
    tolerance = 1e-4 * float(expected.logits.abs().max())
    torch.testing.assert_close(found.logits, expected.logits[rows], rtol=1e-4, atol=tolerance)
    assert torch.equal(found.exits.taken, expected.exits.taken[rows])
    assert torch.equal(found.executed(), expected.executed()[rows])


@pytest.mark.parametrize("name", NETWORKS)
@given(seed=st.integers(0, 3), shares=st.lists(st.sampled_from([0, 0.25, 0.5, 0.75, 1]), min_size=3, max_size=3))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_skipping_is_masked_in_any_batch(name, seed, shares):
    network, x = NETWORKS[name], images(seed)
    stop_some(network, x, shares)
    masked, skipping = network(x), lower(network)
    found = skipping(x)
    require_same(masked, found)
    assert torch.equal(skipping.cost(found).total, network.cost(masked).total)
    torch.testing.assert_close(skipping.predict(x), found.logits)
    order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(seed))
    require_same(masked, skipping(x[order]), order)
    for row in range(IMAGES):
        require_same(masked, skipping(x[row : row + 1]), slice(row, row + 1))


@pytest.mark.parametrize("name", NETWORKS)
def test_none_stops_is_everything_and_all_stop_is_the_first_answer(name):
    network, x = NETWORKS[name], images(0)
    parts = list(network.members) if isinstance(network, Cascade) else [network]
    network.rule.thresholds.fill_(torch.inf)
    output = network(x)
    alone = [DynamicNetwork(part.backbone, part.router) for part in parts]
    heads = sum(sum(part.gate_cost.exits) for part in parts)
    whole = sum(one.cost(one(x)).total for one in alone) + heads
    assert torch.equal(network.cost(output).total, whole)
    torch.testing.assert_close(output.logits, alone[-1](x).logits)
    network.rule.thresholds.fill_(-torch.inf)
    first = network(x)
    assert torch.equal(first.logits, network.rule.answer([first.exits.given[0]])) and not first.exits.taken.any()
    assert (network.cost(first).total < whole).all()


def test_stopping_saves_shortcuts_and_the_classifier_and_heads_count_as_gates():
    network = DynamicNetwork(backbone(shortcut="B"), exits=exits(backbone()))
    network.rule.thresholds.fill_(-torch.inf)
    cost, output = network.backbone_cost, network.eval()(images(0))
    head = 16 * 16 * 10
    assert (network.cost(output).total == cost.stem + cost.blocks[0].branch + cost.blocks[0].shortcut + head).all()
    assert (network.cost(output).gates == head).all() and head in network.gate_cost.exits
    assert output.executed()[0].tolist() == [1, 0, 0, 0, 0, 0]


def test_costs_of_all_answers_are_those_of_stopping_there():
    for network in NETWORKS.values():
        network.rule.thresholds.fill_(torch.inf)
        x = images(1)
        expected = network.answer_costs(network(x))
        for number in range(len(expected)):
            network.rule.thresholds.fill_(torch.inf)
            network.rule.thresholds[number:] = -torch.inf
            assert torch.equal(network.cost(network(x)).total, expected[number])


def test_members_pay_for_themselves():
    network, x = NETWORKS["three members"], images(2)
    stop_some(network, x, [0.5, 0.5])
    output = network(x)
    cost = network.cost(output)
    for number, (member, macs) in enumerate(zip(network.members, cost.members)):
        asked = output.exits.taken >= number
        assert torch.equal(macs, asked * float(count_backbone(member.backbone).total))
    assert torch.equal(sum(cost.members), cost.total)


def test_the_mean_of_all_that_were_asked():
    network, x = cascade(8, 14).eval(), images(0)
    network.rule.averages.fill_(True)
    network.rule.thresholds.fill_(torch.inf)
    with torch.inference_mode():
        mean = torch.stack([member(x).logits.softmax(1) for member in network.members]).mean(0)
    torch.testing.assert_close(network(x).logits.exp(), mean)
    torch.testing.assert_close(lower(network)(x).logits.exp(), mean)


@pytest.mark.skipif(not targets(), reason="the native executor was not built")
@pytest.mark.parametrize("name", ["two members", "confidence", "gates and exits"])
def test_members_and_exits_by_confidence_are_compiled(name):
    network, x = NETWORKS[name], images(0)
    stop_some(network, x, [0.5] * len(network.rule.thresholds))
    native = to_inference(network, "native")
    assert native.executor == "native"
    require_same(network(x), native(x))


@pytest.mark.skipif(not targets(), reason="the native executor was not built")
@pytest.mark.parametrize("name", ["entropy", "patience", "earlier answers"])
def test_other_exits_are_refused_with_a_reason(name):
    with pytest.raises(BadInput, match="its exits are more than a linear classifier"):
        to_inference(NETWORKS[name], "native")
    assert to_inference(NETWORKS[name], "auto").executor == "torch"


def test_confidence_near_one_keeps_its_order():
    logits = torch.tensor([[30.0, 0.0], [40.0, 0.0], [50.0, 0.0]])
    assert logits.softmax(1).amax(1).unique().numel() == 1
    torch.testing.assert_close(log_odds(logits), torch.tensor([30.0, 40.0, 50.0]))
    p = torch.randn(20, 10).softmax(1)
    torch.testing.assert_close(log_odds(p.log()), torch.logit(p.amax(1)))


def test_patience_counts_agreement_in_a_row():
    def sure_of(number):
        return torch.nn.functional.one_hot(torch.tensor([number]), 3) * 5.0

    rule = Patience(3)
    scores = [rule.score([sure_of(number) for number in row]) for row in ([1], [1, 1], [0, 1], [1, 0, 1], [0, 1, 1])]
    assert [int(score) for score in scores] == [1, 2, 1, 1, 2]


def test_what_no_cascade_can_be_made_of():
    with pytest.raises(BadInput, match="two members"):
        cascade(8)
    with pytest.raises(BadInput, match="one network with one answer"):
        Cascade([NETWORKS["confidence"], NETWORKS["confidence"]], [Member("sdn", None, "resnet14")] * 2)

    class Remembers(Router):
        def start(self, images):
            return images

        def decide_layer(self, index, features, state):
            return LayerDecision.always(features)

    network = backbone()
    with pytest.raises(BadInput, match="remembers nothing"):
        DynamicNetwork(network, Remembers(len(network.blocks)), exits(network))


def test_weights_of_another_shape_are_not_taken():
    state = ZTW().build(cifar_resnet(14), 0.5).state_dict()
    again = ZTW().build(cifar_resnet(14), 0.5)
    again.load_state_dict(state)
    assert all(torch.equal(value, state[name]) for name, value in again.state_dict().items())
