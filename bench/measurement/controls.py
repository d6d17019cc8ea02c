"""Controls of dynamic networks: what is left when decisions are not about the image at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from bench.data import DataSet, Split
from bench.networks.blocks import SelfGatedUnit
from bench.networks.decisions import BlockDecision, ChannelDecision, LayerDecision
from bench.networks.network import DynamicNetwork
from bench.networks.router import GateCost, Router


class ReplayRouter(Router):
    """Decides what it was told, image by image, whatever it sees.

    Args:
        decisions: one per block, each about the whole batch that comes next.
    """

    def __init__(self, decisions: Sequence[BlockDecision], cost: GateCost):
        super().__init__(len(decisions))
        self.decisions = decisions
        self.gate_cost = cost

    def decide_layer(self, index: int, features: Tensor, state: Any) -> LayerDecision:
        return self.decisions[index].layer

    def decide_channels(self, index: int, features: Tensor, state: Any) -> ChannelDecision | None:
        return self.decisions[index].channels

    def decide_positions(self, index: int, features: Tensor, state: Any) -> Tensor | None:
        return self.decisions[index].positions

    def cost(self) -> GateCost:
        return self.gate_cost


def can_shuffle(network: nn.Module) -> TypeGuard[DynamicNetwork]:
    """Whether all that ``network`` decides is said by its router: units that gate themselves cannot be told to.

    Nor can tokens be exchanged: where they stop belongs to the answer that is made of them.
    Where samples stop at one of several answers, ``random_choice`` of those answers is the control.
    """
    if not isinstance(network, DynamicNetwork) or getattr(network, "exits", None) is not None:
        return False
    if network.router.decides_tokens:
        return False
    return not any(isinstance(unit, SelfGatedUnit) for block in network.backbone.blocks for unit in block.parts)


@torch.inference_mode()
def shuffled_correct(network: DynamicNetwork, data: DataSet, split: Split, seed: int = 0) -> np.ndarray:
    """Which images are classified correctly when each gets the decisions that were made for another.

    Blocks, channels and scales are exchanged together, so the sum of MACs and the share of images on every path stay;
    only the tie between image and decision is cut. The network was not trained for that: a small loss shows that
    the decisions say little about the image, a large one may also be that paths do not fit each other's weights.

    Returns:
        ``[N]`` bool, in the order of ``split``.
    """
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    correct = torch.zeros(len(split), dtype=torch.bool)
    router, done = network.eval().router, 0
    device = next(network.parameters()).device
    try:
        for images, labels in split.at(order.tolist()).batches(data.evaluation_batch):
            network.router = router
            inputs, labels = data.normalise(images.to(device)), labels.to(device)
            decisions = network(inputs).decisions
            network.router = ReplayRouter([_exchanged(decision) for decision in decisions], router.cost())
            right = network(inputs).logits.argmax(1) == labels
            correct[order[done : done + len(labels)]] = right.cpu()
            done += len(labels)
    finally:
        network.router = router
    return correct.numpy()


def _exchanged(decision: BlockDecision) -> BlockDecision:
    """Every image of the batch gets its neighbour's decision; the images stand in random order."""
    layer, channels, positions = decision.layer, decision.channels, decision.positions
    complete = None if layer.complete is None else layer.complete.roll(1, 0)
    return BlockDecision(
        LayerDecision(layer.executed.roll(1, 0), layer.scale.roll(1, 0), layer.certain, complete),
        None if channels is None else ChannelDecision(channels.kept.roll(1, 0), channels.scale.roll(1, 0)),
        positions=None if positions is None else positions.roll(1, 0),
    )
