"""Widths of blocks by a knapsack: what a block costs at each width, and which widths are worth most for a budget."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.benchmark import Timer

from bench.execution.skipping.block import lower_block
from bench.execution.skipping.width import FULL
from bench.networks import DynamicNetwork
from bench.networks.blocks import ResidualBlock
from bench.networks.surgery import keep_inner

BINS = 2000
"""Costs are rounded to so many parts of the full one, for dynamic programming."""
TIMED_S = 0.02
"""Seconds that each width of each kind of block is timed for, at least."""

Costs = list[np.ndarray]
"""Per block, its cost at each of its widths, rising."""


def macs_at(network: DynamicNetwork, widths: Sequence[Sequence[int]]) -> Costs:
    """MACs of each block's branch with so many inner channels."""
    blocks = network.backbone_cost.blocks
    return [
        np.array([block.branch - (block.inner_channels - width) * block.per_channel for width in each], float)
        for block, each in zip(blocks, widths, strict=True)
    ]


@torch.inference_mode()
def milliseconds_at(network: DynamicNetwork, widths: Sequence[Sequence[int]]) -> Costs:
    """Milliseconds that each block takes for one image with so many inner channels, in this process's threads.

    Blocks of one shape are timed once. A wider block never counts as cheaper: what the clock says otherwise is noise.
    """
    backbone, known = network.backbone.eval(), dict[tuple, float]()
    weight = backbone.classifier.weight
    x = backbone.stem(torch.zeros(1, *backbone.image_shape, dtype=weight.dtype, device=weight.device))
    costs = []
    for block, each in zip(backbone.blocks, widths, strict=True):
        kind = (tuple(x.shape), block.out_channels, block.inner_channels, len(block.units))
        for width in each:
            if (*kind, width) not in known:
                known[*kind, width] = _milliseconds(block, width, x)
        costs.append(np.maximum.accumulate([known[*kind, width] for width in each]))
        x = block(x)
    return costs


def _milliseconds(block: ResidualBlock, width: int, x: torch.Tensor) -> float:
    narrow = copy.deepcopy(block)
    keep_inner(narrow, narrow.gated_unit, torch.arange(width))
    lowered = lower_block(narrow)
    timer = Timer("run(x.clone(), None, full, [])", globals={"run": lowered.run, "x": x, "full": FULL})
    return 1e3 * float(timer.blocked_autorange(min_run_time=TIMED_S).median)


class Knapsack:
    """The most valuable of each block's widths for any budget: a knapsack with one choice from each of several classes.

    Solved by dynamic programming over budgets in ``bins`` of the full cost (Kellerer, Pferschy, Pisinger, Knapsack
    Problems, 2004, chapter 11).

    Args:
        values: per block, what each of its widths is worth.
        costs: per block, what each of its widths costs.
    """

    def __init__(self, values: Sequence[np.ndarray], costs: Sequence[np.ndarray], bins: int = BINS):
        full = sum(cost[-1] for cost in costs)
        self.costs = [np.rint(cost * bins / full).astype(int) for cost in costs]
        self.least = int(sum(cost[0] for cost in self.costs))
        self.most = int(sum(cost[-1] for cost in self.costs))
        self.picks: list[np.ndarray] = []
        best = np.zeros(self.most + 1)
        for value, cost in zip(values, self.costs, strict=True):
            table = np.full((len(value), self.most + 1), -np.inf)
            for number, (worth, spent) in enumerate(zip(value, cost)):
                table[number, spent:] = best[: self.most + 1 - spent] + worth
            self.picks.append(table.argmax(0))
            best = table.max(0)

    def choose(self, budget: int) -> list[int]:
        """The number of each block's width, for a budget from ``least`` to ``most``."""
        chosen = []
        for pick, cost in zip(reversed(self.picks), reversed(self.costs)):
            number = int(pick[budget])
            budget -= int(cost[number])
            chosen.append(number)
        return chosen[::-1]
