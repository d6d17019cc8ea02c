"""What is added to LC-Net's loss to make gates treat images differently."""

import copy

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import beta

from bench.methods import Budget, TrainingBatch, load_method
from bench.networks.backbones import build_backbone
from bench.networks.decisions import BlockDecision, ChannelDecision, LayerDecision, Output
from lcnet.conditional import SHAPE, bounds_missed, shaping_distance

IMAGES, LABELS = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.arange(16) % 10


def _batch(progress=0.5):
    return TrainingBatch(IMAGES, LABELS, progress, lambda logits: F.cross_entropy(logits, LABELS, reduction="none"))


def _network(options="", name="lcnet_conditional"):
    torch.manual_seed(0)
    method = load_method(name + (f"[{options}]" if options else ""))
    network = method.build(build_backbone("resnet8", 10, "digits"), 0.5)
    (stage,) = method.stages(network, 0.5, Budget(1, pretrained=True))
    return network, stage


def _output(layer, channels):
    decision = BlockDecision(LayerDecision(layer, layer), ChannelDecision((channels > 0).float(), channels))
    return Output(torch.zeros(len(layer), 10), (decision,))


def test_with_every_option_off_it_is_lcnet():
    (own, stage), (plain, theirs) = _network(), _network(name="lcnet")
    assert {name: value.shape for name, value in own.state_dict().items()} == {
        name: value.shape for name, value in plain.state_dict().items()
    }
    assert stage.loss(own, _batch()).item() == pytest.approx(theirs.loss(plain, _batch()).item(), rel=1e-6)
    assert torch.equal(own.router.threshold, plain.router.threshold)


def test_noise_fades_and_is_in_training_alone():
    network, stage = _network("noise=1")
    network.router.threshold = torch.tensor(2.0)  # among the channels' scores
    stage.loss(network, _batch(0.25))
    assert network.router.sigma == 0.75
    first, second = (network(IMAGES).decisions[0].channels.kept.mean(1) for _ in range(2))
    assert not torch.equal(first, second) and first.std() > 0
    network.eval()
    assert torch.equal(network(IMAGES).logits, network(IMAGES).logits)
    stage.loss(network.train(), _batch(1.0))
    assert network.router.sigma == 0


def test_gates_that_have_the_shape_already_are_not_pulled():
    quantiles = torch.tensor(beta.ppf((torch.arange(64) + 0.5) / 64, *SHAPE), dtype=torch.float32)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    shaped = _output(quantiles[order], torch.stack([quantiles, quantiles.flip(0)], 1))
    assert shaping_distance(shaped) == pytest.approx(0, abs=1e-10)
    alike = _output(torch.ones(64), torch.ones(64, 2))
    # E (1 - B)^2 for B of Beta(0.6, 0.4): its variance 0.12 and (1 - 0.6)^2; 64 quantiles stand for it within 0.01.
    assert shaping_distance(alike) == pytest.approx(0.12 + 0.16, abs=0.01)


def test_the_pull_separates_gates_that_are_alike():
    scores = torch.linspace(0.55, 0.65, 64)[:, None].requires_grad_()
    shaping_distance(_output(torch.ones(64), scores)).backward()
    assert scores.grad[0] > 0 > scores.grad[-1], "descent lowers the low ones and raises the high ones"


def test_bounds_open_from_the_target_to_everything():
    half = _output(torch.ones(4), torch.tensor([[1.0, 0.0]] * 4))
    assert bounds_missed(half, 0.5, 0.0) == 0
    full = _output(torch.ones(4), torch.ones(4, 2))
    assert bounds_missed(full, 0.5, 0.0) == pytest.approx(0.25)  # all of it, where a half is allowed
    assert bounds_missed(full, 0.5, 0.5) == pytest.approx(0.0625)  # 3/4 are allowed
    assert bounds_missed(full, 0.5, 1.0) == 0


def test_macs_are_cheaper_for_hard_images():
    _, stage = _network("hardness=1,price=2")
    losses = torch.tensor([1.0, 2.0, 3.0])
    low, middle, high = stage.loss._prices(None, losses)
    assert low > middle > high and middle == pytest.approx(2) and high >= 0
    assert torch.equal(_network("hardness=0,price=2")[1].loss._prices(None, losses), torch.full((3,), 2.0))


def test_a_reward_for_spread_favours_costs_that_differ():
    network, stage = _network("spread=5")
    plain, without = copy.deepcopy(network), _network()[1]
    network.router.threshold = plain.router.threshold = torch.tensor(2.0)
    for one in (network, plain):
        one.router.tell_images_apart(1.0)
    fractions = plain(IMAGES)
    spread = plain.macs_fraction(fractions).detach().std(unbiased=False)
    assert spread > 0
    difference = without.loss(plain, _batch()) - stage.loss(network, _batch())
    # Batch norms of both have seen the same images once or twice: in training mode only the batch counts.
    assert difference.item() == pytest.approx(5 * float(spread), rel=1e-3)


def test_classifiers_behind_stages_learn_and_cost_nothing():
    network, stage = _network("supervision=0.5")
    assert len(network.router.heads) == 2
    stage.loss(network, _batch()).backward()
    assert all(head.weight.grad.abs().sum() > 0 for head in network.router.heads.values())
    learning = {id(parameter) for group in stage.groups for parameter in group.parameters}
    assert all(id(parameter) in learning for parameter in network.router.heads.parameters())
    assert network.gate_cost == _network()[0].gate_cost
    network.eval()
    network.router.answers = []
    network(IMAGES)
    assert network.router.answers == []
