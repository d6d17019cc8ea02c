"""Methods that decide for each image: identities, published counts, gradients, determinism."""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

from baselines.blockdrop import BlockDrop, BlockDropPooled, PolicyLoss, policy_network, reward, run
from baselines.channel_gating import ChannelGatedUnit, ChannelGating, gated_units, lowest_fraction, threshold_for
from baselines.convnet_aig import ConvNetAIG, RateLoss, execution_rates
from baselines.fbs import FBS, BoostedUnit, winners
from baselines.skipnet import SkipNet
from bench.errors import BadInput
from bench.methods.interface import Budget, TrainingBatch, split_parameters
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.cost import count_backbone, module_macs
from lcnet.method import LCNet

DYNAMIC = [ConvNetAIG, BlockDrop, BlockDropPooled, FBS, ChannelGating]


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    backbone = cifar_resnet(14)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                nn.init.uniform_(tensor, 0.2, 1.0)
    return backbone.eval()


def step(images, progress=0.5):
    labels = torch.arange(len(images)) % 10
    loss = partial(nn.functional.cross_entropy, target=labels, reduction="none")
    return TrainingBatch(images, labels, progress, loss)


# --- ConvNet-AIG ---


def test_aig_gates_have_their_published_cost():
    gates = ConvNetAIG().build(cifar_resnet(20), 0.6).gate_cost
    assert gates.layer == (288,) * 4 + (544,) * 3 + (1056,) * 2  # a gate's width is that of its block's input


def test_aig_starts_with_gates_mostly_open_and_draws_only_in_training(backbone):
    network = ConvNetAIG().build(backbone, 0.6)
    images = torch.randn(32, 3, 16, 16)
    with torch.no_grad():
        for _ in range(20):
            trained = network.train()(images).executed()
        first, second = (network.eval()(images).executed() for _ in range(2))
        drawn = [network.train()(images).executed() for _ in range(2)]
    assert 0.9 < trained.mean() < 1
    assert torch.equal(first, second)
    assert not torch.equal(*drawn)


@pytest.mark.parametrize(("point", "essential"), [(0.7, 1.0), (0.3, None)])
def test_aig_rates_meet_the_point(backbone, point, essential):
    """Stage starts always run where the point allows it; otherwise all blocks share one rate."""
    network = ConvNetAIG().build(backbone, point)
    rates = execution_rates(network, point)
    cost, gates = network.backbone_cost, network.gate_cost
    spent = sum(rate * block.branch for rate, block in zip(rates, cost.blocks))
    assert cost.fixed + sum(gates.layer) + spent == pytest.approx(point * cost.total)
    assert [rates[0], rates[2], rates[4]] == [essential or rates[1]] * 3
    assert rates[1] == rates[3] == rates[5]


def test_aig_rates_are_equal_where_every_block_changes_the_resolution():
    network = ConvNetAIG().build(cifar_resnet(8), 0.7)
    rates = execution_rates(network, 0.7)
    assert rates == [rates[0]] * 3 and 0.6 < rates[0] < 0.7, "stem, shortcuts and gates cost something, too"


def test_aig_thresholds_follow_the_rates_of_their_blocks(backbone):
    network = ConvNetAIG().build(backbone, 0.6).train()
    RateLoss([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])(network, step(torch.randn(8, 3, 16, 16), progress=0.9))
    assert network.router.noise == 0
    rises = network.router.thresholds.tolist()
    assert max(rises[:3]) <= 0 < min(rises[3:])


# --- BlockDrop ---


@pytest.mark.parametrize(("blocks", "head"), [(15, 64 * 15), (54, 64 * 54)], ids=["R-32", "R-110"])
def test_policy_network_costs_what_was_published(blocks, head):
    macs = module_macs(policy_network((3, 32, 32), blocks), (3, 32, 32))
    assert round(macs / 1e6, 2) == 12.24
    assert macs == count_backbone(cifar_resnet(8)).total - 640 + head


def test_policy_shares_of_the_backbones():
    for depth, share in ((32, 17.8), (110, 4.8)):
        network = BlockDrop().build(cifar_resnet(depth), 0.6)
        assert round(100 * network.gate_cost.image / network.backbone_cost.total, 1) == share


def test_policy_for_imagenet_costs_what_was_published():
    assert module_macs(policy_network((3, 224, 224), 33), (3, 112, 112)) / 1e9 == pytest.approx(0.236, abs=0.001)


def test_reward_follows_the_paper():
    logits = torch.eye(3)
    executed = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]])
    labels = torch.tensor([0, 1, 0])
    assert reward(logits, labels, executed, gamma=5.0).tolist() == [0.0, 0.75, -5.0]


@pytest.mark.parametrize("joint", [False, True], ids=["curriculum", "joint"])
def test_policy_loss_does_not_change_when_every_sample_is_shown_twice(backbone, joint, monkeypatch):
    network = BlockDrop().build(backbone, 0.6).train()
    nn.init.normal_(network.router.policy.classifier.weight, std=1.0)
    images = torch.randn(8, 3, 16, 16)
    labels = torch.arange(8)
    draws = torch.rand(8, len(backbone.blocks))

    def bernoulli(probability):
        return (draws.repeat(len(probability) // 8, 1) < probability).float()

    monkeypatch.setattr("baselines.blockdrop.torch.bernoulli", bernoulli)

    def loss(copies):
        both, twice = images.repeat(copies, 1, 1, 1), labels.repeat(copies)
        loss = partial(nn.functional.cross_entropy, target=twice, reduction="none")
        one = TrainingBatch(both, twice, 0.5, loss)
        return PolicyLoss(0.6, joint)(copy.deepcopy(network), one)

    assert loss(1).item() == pytest.approx(loss(2).item(), rel=1e-4)


def test_curriculum_frees_blocks_from_the_last_to_the_first(backbone):
    network = BlockDrop().build(backbone, 0.6).train()
    nn.init.constant_(network.router.policy.classifier.bias, -9.0)
    loss = PolicyLoss(0.6, joint=False)
    images = torch.randn(4, 3, 16, 16)
    for progress, free in ((0.0, 1), (0.5, 4), (0.99, 6)):
        loss(network, step(images, progress))
        executed = network.router.start(images).executed
        assert executed[:, : 6 - free].eq(1).all()
        assert network.eval().router.start(images).executed[:, 6 - free :].eq(0).all()
        network.train()


def test_running_under_given_decisions_equals_the_network(backbone):
    network = BlockDrop().build(backbone, 0.6).eval()
    nn.init.normal_(network.router.policy.classifier.weight, std=1.0)
    images = torch.randn(6, 3, 16, 16)
    output = network(images)
    assert torch.allclose(run(network.backbone, images, output.executed()), output.logits, atol=1e-5)


# --- FBS ---


def test_winners_take_all():
    kept = winners(torch.tensor([[3.0, 1, 2, 0], [0, 0, 5, 4]]), 0.5)
    assert kept.tolist() == [[1, 0, 1, 0], [0, 0, 1, 1]]


def test_a_suppressed_channel_is_exactly_zero_and_a_boosted_one_is_computed(backbone):
    plain = backbone.blocks[0].units[0]
    unit = BoostedUnit(copy.deepcopy(plain), 0.5).eval()
    x = torch.randn(5, 16, 8, 8)
    with torch.no_grad():
        y, decision = unit(x)
        saliency = unit.saliency(x)
        dropped = winners(saliency, 0.5) == 0
        normalised = unit.norm(unit.conv(x)) - unit.norm.bias[:, None, None]
        expected = torch.relu(saliency[:, :, None, None] * normalised + unit.norm.bias[:, None, None])
    assert y[dropped].eq(0).all()
    assert torch.allclose(y[~dropped], expected[~dropped], atol=1e-5)
    assert decision.outputs.tolist() == [0.5] * 5


def test_fbs_at_density_one_and_saliency_one_is_the_dense_network(backbone):
    images = torch.randn(3, 3, 16, 16)
    expected = backbone(images)
    network = FBS().build(copy.deepcopy(backbone), 1.0).eval()
    for unit in network.backbone.modules():
        if isinstance(unit, BoostedUnit):
            unit.density = 1.0
            nn.init.zeros_(unit.predictor.weight)
    output = network(images)
    assert torch.allclose(output.logits, expected, atol=1e-5 * expected.abs().max().item())
    cost = network.cost(output)
    assert cost.total.tolist() == [count_backbone(backbone).total + sum(network.gate_cost.channels)] * 3


def test_fbs_costs_the_same_for_every_image_and_densities_multiply(backbone):
    network = FBS().build(backbone, 0.5).eval()
    output = network(torch.randn(6, 3, 16, 16))
    cost = network.cost(output).total
    assert cost.unique().numel() == 1
    assert cost[0].item() / network.backbone_cost.total == pytest.approx(0.5, abs=0.03)
    first, second = output.decisions[-1].units
    block = network.backbone_cost.blocks[-1]
    share = first.outputs[0] * (block.units[0] + block.units[1] * second.outputs[0])
    assert share == pytest.approx(
        sum(macs * part[0] for macs, part in zip(block.units, output.decisions[-1].unit_shares)).item()
    )


# --- Channel gating ---


def gated(backbone, threshold):
    plain = backbone.blocks[2].units[0]
    unit = ChannelGatedUnit(copy.deepcopy(plain), groups=4).eval()
    nn.init.constant_(unit.threshold, threshold)
    return plain, unit


def test_finishing_everything_is_the_dense_convolution(backbone):
    plain, unit = gated(backbone, -1e9)
    x = torch.randn(2, 16, 8, 8)
    y, decision = unit(x)
    assert torch.allclose(y, plain(x), atol=1e-5)
    assert decision.completed.tolist() == [1, 1]


def test_finishing_nothing_is_the_convolution_over_a_quarter_of_the_inputs(backbone):
    plain, unit = gated(backbone, 1e9)
    x = torch.randn(2, 16, 8, 8)
    y, decision = unit(x)
    groups = []
    for group, weight in enumerate(plain.conv.weight.chunk(4)):
        mine = slice(group, None, 4)
        groups.append(nn.functional.conv2d(x[:, mine], weight[:, mine], stride=plain.conv.stride, padding=1))
    assert torch.allclose(y, torch.relu(unit.partial_norm(torch.cat(groups, 1))), atol=1e-5)
    assert decision.completed.tolist() == [0.25, 0.25]


def test_base_groups_use_every_input_and_every_output_equally(backbone):
    _, unit = gated(backbone, 0.0)
    assert unit.base.sum(0).unique().numel() == 1
    assert unit.base.sum(1).unique().numel() == 1
    assert "base" not in unit.state_dict()


def test_thresholds_for_normal_sums():
    assert threshold_for(0.5) == pytest.approx(0)
    share = (torch.randn(200_000, generator=torch.Generator().manual_seed(0)) > threshold_for(0.3)).float().mean()
    assert share.item() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(("groups", "factor"), [(2, 1.80), (4, 3.01), (8, 4.52)])
def test_conversion_of_density_to_macs_on_resnet20(groups, factor):
    """FLOP reduction at density 0.1 with both convolutions gated, counted beforehand."""

    class Gating(ChannelGating):
        pass

    Gating.groups = groups
    lowest = lowest_fraction(Gating().build(cifar_resnet(20), 0.9))
    assert round(1 / (lowest + 0.1 * (1 - lowest)), 2) == factor


def test_channel_gating_refuses_points_below_its_partial_sums():
    with pytest.raises(BadInput, match=r"cannot go below 0\.258"):
        ChannelGating().build(cifar_resnet(20), 0.2)


def test_channel_gating_counts_positions_of_each_image(backbone):
    network = ChannelGating().build(backbone, 0.6).eval()
    for unit in gated_units(network):
        nn.init.zeros_(unit.threshold)
    output = network(torch.randn(4, 3, 16, 16) * torch.tensor([0.2, 1, 2, 4])[:, None, None, None])
    cost = network.cost(output).total
    assert cost.unique().numel() == 4
    assert (cost >= lowest_fraction(network) * network.backbone_cost.total - 1).all()
    assert torch.allclose(cost, cost.round(), atol=1e-3)


# --- all of them ---


@pytest.mark.parametrize("method", DYNAMIC)
def test_every_gate_that_is_counted_learns(backbone, method):
    network = method().build(backbone, 0.6)
    stages = method().stages(network, 0.6, Budget(9, pretrained=True))
    assert sum(stage.epochs for stage in stages) == 9
    gates = split_parameters(network)[1]
    assert gates
    seen = [torch.zeros(()) for _ in gates]
    for stage in stages:
        for progress in (0.1, 0.9):
            network.zero_grad()
            stage.loss(network.train(), step(torch.randn(16, 3, 16, 16), progress)).backward()
            seen = [size + (0 if gate.grad is None else gate.grad.abs().sum()) for size, gate in zip(seen, gates)]
    assert all(size > 0 for size in seen)


@pytest.mark.parametrize("method", DYNAMIC)
def test_a_sample_is_treated_alike_alone_and_in_a_batch(backbone, method):
    network = method().build(backbone, 0.6).eval()
    images = torch.randn(5, 3, 16, 16)
    together = network(images)
    alone = [network(image[None]) for image in images]
    assert torch.allclose(torch.cat([output.logits for output in alone]), together.logits, atol=1e-4)
    assert torch.equal(torch.cat([network.cost(output).total for output in alone]), network.cost(together).total)


@pytest.mark.parametrize("method", [LCNet, SkipNet, ConvNetAIG])
def test_compiled_training_steps_equal_plain_ones(method):
    """Thresholds move between the passes of a step, where a compiled backward pass may still need them."""

    def gradients(compiled: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        network = method().build(cifar_resnet(8, width=0.25), 0.6).train()
        called = torch.compile(network, backend="aot_eager_decomp_partition") if compiled else network
        stage = method().stages(network, 0.6, Budget(3, pretrained=True))[-1]
        stage.loss(called, step(torch.randn(16, 3, 16, 16))).backward()
        return [parameter.grad for parameter in network.parameters() if parameter.grad is not None]

    torch._dynamo.reset()
    plain, compiled = gradients(False), gradients(True)
    assert any(gradient.abs().max() > 0 for gradient in plain)
    torch.testing.assert_close(compiled, plain, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", [ConvNetAIG, BlockDrop, ChannelGating, LCNet, SkipNet])
def test_steps_are_not_compiled_anew_as_training_goes_on(method):
    torch._dynamo.reset()
    network = method().build(cifar_resnet(8, width=0.25), 0.6).train()
    counter = CompileCounterWithBackend("eager")
    called = torch.compile(network, backend=counter)
    for stage in method().stages(network, 0.6, Budget(3, pretrained=True)):
        compiled = []
        for progress in (0.0, 0.3, 0.6, 0.9):
            stage.loss(called, step(torch.randn(16, 3, 16, 16), progress))
            compiled.append(counter.frame_count)
        # The second step may need other code: numbers that change have become variables, thresholds were set.
        assert compiled[-1] == compiled[1], f"{stage.name}: {compiled}"
