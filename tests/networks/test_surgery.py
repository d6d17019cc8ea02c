"""What decisions come to, and channels taken out: against masks, sums and whole networks."""

import pytest
import torch
from gated import BACKBONES, build, images
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.errors import BadInput
from bench.networks.backbones import build_backbone
from bench.networks.backbones.cifar import cifar_resnet
from bench.networks.cost import count_backbone, count_parts, module_macs, reached_parts
from bench.networks.decisions import BlockDecision, ChannelDecision, LayerDecision, UnitDecision
from bench.networks.importance import block_importance, filter_norms
from bench.networks.router import GateCost
from bench.networks.surgery import keep_inner, keep_outputs, match_inner_channels


@torch.no_grad()
@pytest.mark.parametrize("name", ["basic, odd widths", "bottleneck"])
@pytest.mark.parametrize("unit", [0, -2])
def test_channels_that_are_gone_are_channels_that_were_masked(name, unit):
    torch.manual_seed(0)
    backbone = BACKBONES[name]()
    build(backbone)
    backbone.eval()
    block = backbone.blocks[1]
    unit %= len(block.units)
    kept = torch.arange(block.units[unit].conv.out_channels)[1::2]
    gone = torch.arange(block.units[unit].conv.out_channels)[::2]
    before = block.units[unit].conv.weight.data_ptr()
    for tensor in (block.units[unit].norm.weight, block.units[unit].norm.bias):
        tensor[gone] = 0  # relu(0) is what a mask leaves
    expected, cost = backbone(images(4)), count_backbone(backbone).blocks[1].units
    keep_inner(block, unit, kept)
    torch.testing.assert_close(backbone(images(4)), expected, rtol=1e-4, atol=1e-5)
    left, share = count_backbone(backbone).blocks[1].units, len(kept) / (len(kept) + len(gone))
    assert left[unit] == pytest.approx(cost[unit] * share) and left[unit + 1] == pytest.approx(cost[unit + 1] * share)
    assert block.units[unit].conv.weight.data_ptr() != before
    assert block.units[unit].conv.weight.grad is None


def test_parameters_keep_their_identity_so_that_optimisers_go_on():
    unit = build_backbone("resnet8", classes=10).blocks[0].units[0]
    before = list(map(id, unit.parameters()))
    keep_outputs(unit, torch.tensor([3, 1]))
    assert list(map(id, unit.parameters())) == before and unit.conv.out_channels == unit.norm.num_features == 2


def test_a_backbone_makes_room_for_the_weights_of_a_pruned_copy_and_only_then_takes_them():
    pruned, whole = cifar_resnet(14), cifar_resnet(14)
    for index, block in enumerate(pruned.blocks):
        keep_inner(block, 0, torch.arange(0, block.inner_channels, index + 1))
    with pytest.raises(RuntimeError):
        whole.load_state_dict(pruned.state_dict())
    match_inner_channels(whole, {f"net.{name}": value for name, value in pruned.state_dict().items()}, "net.")
    whole.load_state_dict(pruned.state_dict())
    assert count_backbone(whole) == count_backbone(pruned)
    match_inner_channels(whole, {})
    match_inner_channels(whole, cifar_resnet(14).state_dict())  # wider: nothing to be made room for
    assert count_backbone(whole) == count_backbone(pruned)


def test_grouped_convolutions_lose_no_channels():
    unit = build_backbone("resnet8", classes=10).blocks[0].units[0]
    unit.conv.groups = 2
    with pytest.raises(BadInput, match="grouped convolutions"):
        keep_outputs(unit, torch.tensor([0]))


def test_essential_blocks_come_before_all_others_and_strength_orders_the_rest():
    blocks = build_backbone("resnet20", classes=10).blocks
    for index, block in enumerate(blocks):
        torch.nn.init.constant_(block.units[-1].norm.weight, 1 + (index * 5) % 9)
        torch.nn.init.zeros_(block.units[-1].norm.bias)
    order = block_importance(blocks).argsort(descending=True).tolist()
    strength = [1 + (index * 5) % 9 for index in range(9)]
    assert order == sorted((0, 3, 6), key=lambda index: -strength[index]) + sorted(
        (1, 2, 4, 5, 7, 8), key=lambda index: -strength[index]
    )


def test_norms_of_filters_by_hand():
    unit = build_backbone("resnet8", classes=10).blocks[0].units[0]
    torch.nn.init.constant_(unit.conv.weight, -0.5)
    assert filter_norms(unit).tolist() == [0.5 * 9 * 16] * 16


def test_parts_add_up_to_the_whole():
    backbone = build_backbone("resnet14b-w0.5", classes=7)
    cost, shape = count_backbone(backbone), backbone.image_shape
    parts = count_parts(backbone, [backbone.stem, *backbone.blocks, backbone.classifier], shape)
    assert sum(parts) == cost.total == module_macs(backbone, shape)
    assert parts[1:-1] == [block.branch + block.shortcut for block in cost.blocks]
    assert cost.ends == sorted(cost.ends) and cost.ends[-1] == pytest.approx(1 - cost.head / cost.total)


def test_counting_changes_neither_mode_nor_statistics():
    backbone = build_backbone("resnet8", classes=10).train()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    count_backbone(backbone)
    assert backbone.training and all(torch.equal(before[name], value) for name, value in backbone.state_dict().items())
    assert not any(module._forward_hooks for module in backbone.modules())


def test_who_stops_at_an_exit_comes_to_nothing_behind_it():
    gates = GateCost(0, (0,) * 4, (0,) * 4, exits=(5, 0, 7, 0))
    found = reached_parts(gates, torch.tensor([0, 1, 2]))
    assert found.tolist() == [[1, 0, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]


BITS = st.lists(st.booleans(), min_size=3, max_size=3)


@settings(deadline=None)
@given(BITS, BITS, st.lists(BITS, min_size=3, max_size=3))
def test_of_those_is_and_and_a_skipped_block_keeps_nothing(executed, reached, kept):
    executed, reached, kept = (torch.tensor(value).float() for value in (executed, reached, kept))
    decision = BlockDecision(LayerDecision(executed, executed * 0.5), ChannelDecision(kept, kept))
    found = decision.of_those(reached)
    assert torch.equal(found.layer.executed, torch.minimum(executed, reached))
    assert torch.equal(found.layer.scale, 0.5 * found.layer.executed) and not found.layer.certain
    assert torch.equal(found.kept_fraction, found.layer.executed * kept.mean(1))
    assert torch.equal(found.of_those(reached).layer.executed, found.layer.executed)


def test_units_that_gate_themselves_spend_inputs_times_outputs_times_positions():
    units = tuple(
        UnitDecision(torch.tensor([outputs], dtype=torch.float64), torch.tensor([completed], dtype=torch.float64))
        for outputs, completed in ((0.5, 1.0), (0.25, 0.5), (1.0, 1.0))
    )
    layer = LayerDecision.always(torch.zeros(1, 4))
    assert [share.item() for share in BlockDecision(layer, units=units).unit_shares] == [0.5, 0.0625, 0.25]
    assert BlockDecision(layer, units=units).kept_fraction.item() == pytest.approx((0.5 + 0.0625 + 0.25) / 3)
    everything = (UnitDecision.everything(torch.zeros(2, 4)),) * 3
    assert BlockDecision(LayerDecision.always(torch.zeros(2, 4)), units=everything).kept_fraction.tolist() == [1, 1]
