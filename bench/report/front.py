"""The static front: what a smaller network, the same for every image, gives for so many MACs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.report.entries import Entry
from bench.statistics import Interval, over_seeds_and_images, pareto_front


@dataclass(frozen=True)
class Difference:
    """Top-1 of an entry minus the static front's at its MACs.

    Attributes:
        interval: percentage points, over images, and over seeds where there are several.
        seeds: how many were compared.
        against: the one or two static networks.
    """

    interval: Interval
    seeds: int
    against: Sequence[Entry]


class StaticFront:
    """Static entries that no other static one dominates, joined by straight lines.

    A point between two of them is not hypothetical: sending each image to one of the two by a coin reaches it.
    """

    def __init__(self, entries: Sequence[Entry]):
        known = [entry for entry in entries if entry.family.static and entry.comparable]
        kept = pareto_front([entry.macs.value for entry in known], [entry.top1.value for entry in known])
        self.nodes = sorted((e for e, on_front in zip(known, kept) if on_front), key=lambda e: e.macs.value)

    def difference(self, entry: Entry) -> Difference | None:
        """How far ``entry`` is above the front, image by image; None where it costs less than every static network.

        Where it costs more than the dearest one it is held against that: a budget need not be spent.
        """
        found = self._around(entry.macs.value)
        if found is None:
            return None
        mix = [(node, weight) for node, weight in found if weight > 0]
        seeds = sorted(set(entry.seeds).intersection(*(node.seeds for node, _ in mix)))
        own = 100 * entry.by_seed("correct", seeds or None)
        others = [-100 * weight * node.by_seed("correct", seeds or None) for node, weight in mix]
        # Seeds that all have began alike and are paired.
        estimate = over_seeds_and_images(own + sum(others)) if seeds else over_seeds_and_images(own, *others)
        interval = Interval(estimate.value, estimate.value - estimate.half, estimate.value + estimate.half)
        return Difference(interval, len(seeds) or len(own), [node for node, _ in mix])

    def _around(self, macs: float) -> list[tuple[Entry, float]] | None:
        """The nodes beside ``macs``, each with its share of the mix."""
        costs = [node.macs.value for node in self.nodes]
        if not costs or macs < costs[0]:
            return None
        place = int(np.searchsorted(costs, macs, side="right"))
        if place == len(costs):
            return [(self.nodes[-1], 1.0)]
        share = (macs - costs[place - 1]) / (costs[place] - costs[place - 1])
        return [(self.nodes[place - 1], 1 - share), (self.nodes[place], share)]
