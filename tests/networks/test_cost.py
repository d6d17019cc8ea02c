"""The cost function: sample by sample, exact, and the dense network's count at full width."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.networks.backbones import build_backbone
from bench.networks.cost import count_backbone, sample_cost
from bench.networks.decisions import BlockDecision, ChannelDecision, LayerDecision
from bench.networks.network import DynamicNetwork
from bench.networks.router import GateCost

BACKBONE = build_backbone("resnet14b", classes=10)
COST = count_backbone(BACKBONE)
BLOCKS = len(BACKBONE.blocks)


def _decide(executed: torch.Tensor, kept: list[torch.Tensor]) -> list[BlockDecision]:
    return [
        BlockDecision(LayerDecision(executed[:, index], executed[:, index]), ChannelDecision(mask, mask))
        for index, mask in enumerate(kept)
    ]


def _random_decisions(seed: int, count: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    executed = torch.randint(2, (count, BLOCKS), generator=generator).float()
    kept = [torch.randint(2, (count, block.inner_channels), generator=generator).float() for block in BACKBONE.blocks]
    return executed, kept


def _by_hand(executed: torch.Tensor, kept: list[torch.Tensor], gates: GateCost) -> list[int]:
    """MACs from the definition: a 3x3 convolution costs outputs x inputs x 9 x pixels."""
    totals = []
    for sample in range(len(executed)):
        macs = 3 * 16 * 9 * 32 * 32 + 64 * 10 + gates.image
        for index, block in enumerate(BACKBONE.blocks):
            side = 32 >> (index // 2)
            if isinstance(block.shortcut, torch.nn.Module) and hasattr(block.shortcut, "conv"):
                macs += block.in_channels * block.out_channels * side * side
            macs += gates.layer[index]
            if executed[sample, index]:
                width = int(kept[index][sample].sum())
                macs += 9 * side * side * width * (block.in_channels + block.out_channels) + gates.channels[index]
        totals.append(macs)
    return totals


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 5))
def test_every_sample_is_counted_as_by_hand(seed, count):
    executed, kept = _random_decisions(seed, count)
    gates = GateCost(7, tuple(range(BLOCKS)), tuple(range(100, 100 + BLOCKS)))
    cost = sample_cost(COST, gates, _decide(executed, kept))
    assert cost.total.tolist() == _by_hand(executed, kept, gates)


@given(seed=st.integers(0, 2**32))
def test_a_batch_costs_what_its_samples_cost(seed):
    executed, kept = _random_decisions(seed, 4)
    gates = GateCost(0, (1,) * BLOCKS, (2,) * BLOCKS)
    together = sample_cost(COST, gates, _decide(executed, kept)).total
    apart = [sample_cost(COST, gates, _decide(executed[i : i + 1], [k[i : i + 1] for k in kept])) for i in range(4)]
    assert together.tolist() == [cost.total.item() for cost in apart]


def test_full_width_costs_what_the_backbone_costs():
    network = DynamicNetwork(BACKBONE)
    output = network.eval()(torch.zeros(3, 3, 32, 32))
    assert network.cost(output).total.tolist() == [COST.total] * 3
    assert network.cost(output).gates.tolist() == [0] * 3
    assert network.macs_fraction(output).tolist() == [1.0] * 3


def test_large_counts_stay_exact():
    """float32 cannot hold 125,485,697; the cost of resnet56 with a one-MAC gate must not lose that MAC."""
    backbone = build_backbone("resnet56", classes=10)
    cost = count_backbone(backbone)
    ones = torch.ones(1)
    decisions = [BlockDecision(LayerDecision(ones, ones)) for _ in backbone.blocks]
    nothing = (0,) * len(decisions)
    assert sample_cost(cost, GateCost(1, nothing, nothing), decisions).total.item() == 125_485_697


def test_the_regulariser_pulls_on_every_gate():
    executed, kept = _random_decisions(0, 4)
    executed = torch.ones_like(executed).requires_grad_()
    kept = [mask.requires_grad_() for mask in kept]
    nothing = (0,) * BLOCKS
    sample_cost(COST, GateCost(0, nothing, nothing), _decide(executed, kept)).total.mean().backward()
    assert (executed.grad > 0).all() and all((mask.grad > 0).all() for mask in kept)
