"""What gates are taught by: labels, and what MACs are worth to each image."""

import copy

import pytest
import torch
from one_step import IMAGES, LABELS, batch, build

from bench.measurement.conformance import verify_method
from bench.methods import load_method
from lcnet.labels import label_loss
from lcnet.taught import narrow_is_wrong


def test_it_is_what_it_claims_to_be():
    method = load_method("lcnet_taught[sees=maximum,asks=entropy,labels=1,worth=1]")
    assert [outcome for outcome in verify_method(method) if not outcome.passed] == []


@pytest.mark.parametrize("options", ["labels=1,worth=1,asks=entropy", "supervision=1"])
def test_a_network_can_be_copied_behind_a_step(options):
    network, stage = build(f"lcnet_taught[{options}]")
    stage.loss(network, batch()).backward()
    assert network.training and copy.deepcopy(network).router.told == []


def test_labels_tell_images_apart_and_move_no_mean():
    wrong = (torch.rand(64, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    leanings = torch.zeros(3, 64, requires_grad=True)
    label_loss(leanings, wrong).backward()
    assert leanings.grad.sum().abs() < 1e-6
    assert (leanings.grad[:, wrong == 1] < 0).all() and (leanings.grad[:, wrong == 0] > 0).all()
    assert torch.isfinite(label_loss(leanings, torch.zeros(64))), "a batch without a wrong answer"


def test_labels_are_those_of_a_narrower_path_that_leaves_no_trace():
    network, _ = build("lcnet_taught[labels=1]")
    network.router.threshold = torch.tensor(1.5)
    before = copy.deepcopy(network)
    wrong = narrow_is_wrong(network, batch(), 0.5)
    assert network.training
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.state_dict().items())
    before.router.threshold += 0.5
    assert torch.equal(wrong == 1, before.eval()(IMAGES).logits.argmax(1) != LABELS)
    kept = [before(IMAGES).decisions[0].kept_fraction.mean(), network.eval()(IMAGES).decisions[0].kept_fraction.mean()]
    assert kept[0] < kept[1]


def test_leanings_are_the_mean_distance_from_mean_scores():
    network, _ = build("lcnet_taught[labels=1]")
    router = network.router
    for net in router.nets():
        torch.nn.init.normal_(net.linear.weight)
    features = torch.randn(5, 16)
    layer, channels = router.layer_nets[0], router.channel_nets[0]
    own = [(net(features) - net.linear.bias).mean(1) for net in (layer, channels)]
    torch.testing.assert_close(router._leaning(0, features), torch.stack(own).mean(0))


def test_labels_of_weight_1_are_little_beside_the_task_where_that_reaches_a_gate():
    """As lcnet's pages say of the lines with such labels."""
    gradients = []
    for options in ("labels=0", "labels=1"):
        network, stage = build(f"lcnet_taught[{options}]")
        network.router.threshold = torch.tensor(2.0)
        stage.loss(network, batch()).backward()
        gradients.append(torch.cat([net.linear.weight.grad.norm(dim=1) for net in network.router.channel_nets]))
    reached = gradients[0] > 1e-9
    assert 0 < reached.sum() < len(reached)
    assert (gradients[1] - gradients[0])[reached].abs().sum() < 0.02 * gradients[0][reached].sum()
    assert (gradients[1][~reached] > 0).all(), "elsewhere they are alone"


def test_macs_are_cheaper_where_the_loss_rises_most_with_the_threshold():
    network, stage = build("lcnet_taught[worth=1,price=2]")
    network.router.start(IMAGES[:3])
    low, middle, high = stage.loss._prices(network.router, torch.tensor([1.0, 2.0, 3.0]) * network.router.raised)
    assert low > middle > high >= 0 and middle == pytest.approx(2)
    network.router.threshold = torch.tensor(1.5)
    network.router.start(IMAGES)
    losses = batch().sample_loss(network(IMAGES).logits)
    assert stage.loss._prices(network.router, losses).std() > 0, "thresholds of images reach their losses"
    assert network.eval().router.start(IMAGES) is None and network.router.raised is None
