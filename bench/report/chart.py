"""What the plots of an answer show, for page and paper alike: the static front, who stands out, where labels go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.choices import CHALLENGER
from bench.report.entries import Entry, by_method
from bench.report.families import FAMILIES, Family
from bench.report.front import Difference, StaticFront
from bench.report.results import Group
from bench.report.styles import static_entries
from bench.report.units import Unit

SHOWN_METHODS = 8
"""Dynamic methods that stand out; all others are grey."""
LOWEST_DIFFERENCE = -4.0
"""Percentage points: what lies further below the static front is named, not drawn."""
LABEL_SPACE = 0.055
"""Height of a label, as a share of the plot's."""


@dataclass(frozen=True, eq=False)
class Chart:
    """Entries of a group against the static front of its data."""

    group: Group
    groups: Sequence[Group]
    unit: Unit
    challenger: str = CHALLENGER

    @cached_property
    def front(self) -> StaticFront:
        return StaticFront(self._static)

    @cached_property
    def _static(self) -> list[Entry]:
        return static_entries(self.group, self.groups)

    @cached_property
    def dynamic(self) -> list[Entry]:
        """Valid entries whose computation depends on the image."""
        return [entry for entry in self.group.entries if entry.valid and not entry.family.static]

    @cached_property
    def other_static(self) -> list[Entry]:
        """Valid static entries that the front leaves out: the group's, and those of other backbones."""
        nodes = set(map(id, self.front.nodes))
        own = [entry for entry in self.group.entries if entry.valid and entry.family.static]
        return [e for e in (*own, *(one for one in self._static if one.among)) if id(e) not in nodes]

    @cached_property
    def differences(self) -> dict[Entry, Difference]:
        """Of each dynamic entry that costs as much as some static network, to the static front."""
        found = {entry: self.front.difference(entry) for entry in self.dynamic}
        return {entry: difference for entry, difference in found.items() if difference}

    @cached_property
    def shown(self) -> dict[str, list[Entry]]:
        """Entries of the methods that stand out, the cheapest first: the best of each family, then the next best."""
        methods = by_method(self.dynamic)
        ranked = sorted(methods, key=lambda name: -self._gain(methods[name]))
        first = {methods[name][0].family.name: name for name in reversed(ranked)}
        always = {self.challenger, *(name for name in methods if methods[name][0].claimed)}  # a claim is named
        order = [name for name in ranked if name in first.values() or name in always]
        order += [name for name in ranked if name not in order]
        chosen = {*order[:SHOWN_METHODS], *always}
        return {name: sorted(methods[name], key=self.cost) for name in methods if name in chosen}

    @cached_property
    def others(self) -> list[Entry]:
        """Dynamic entries that do not stand out."""
        return [entry for entry in self.dynamic if entry.record.method not in self.shown]

    @property
    def families(self) -> list[Family]:
        """Dynamic families that have entries."""
        found = {entry.family for entry in self.dynamic}
        return [family for family in FAMILIES if family in found]

    def cost(self, entry: Entry) -> float:
        """Millions of the unit, per image."""
        return self.unit.millions(entry.macs.value)

    @cached_property
    def cost_limits(self) -> tuple[float, float]:
        """Of the group's own entries: networks of other depths may lie far away."""
        costs = [self.cost(entry) for entry in self.group.entries]
        margin = 0.05 * (max(costs) - min(costs)) or 1.0
        return min(costs) - margin, max(costs) + margin

    @cached_property
    def top1_limits(self) -> tuple[float, float]:
        """A little more than the front's own span: what lies far below is named (:attr:`below`), not drawn."""
        left, right = self.cost_limits
        values = [e.top1.value for e in self.front.nodes if left <= self.cost(e) <= right]
        values = values if len(values) > 1 else [e.top1.value for e in self.group.entries if e.valid] or [0.0, 100.0]
        best = max([*values, *(entry.top1.value for entry in self.dynamic)])
        highest = max((e.top1.high for e in (*self.front.nodes, *self.dynamic) if e.top1.value <= best), default=best)
        span = max(best - min(values), 1.0)
        return min(values) - 0.5 * span, highest + 0.05 * span

    @property
    def below(self) -> list[Entry]:
        """Entries under the accuracies that are drawn."""
        return [e for e in (*self.dynamic, *self.other_static) if e.top1.value < self.top1_limits[0]]

    @cached_property
    def difference_limits(self) -> tuple[float, float]:
        found = [difference.interval for difference in self.differences.values()]
        lowest = min((one.value for one in found), default=0.0)
        top = max((one.high for one in found), default=0.0)
        return max(lowest - 0.5, LOWEST_DIFFERENCE), max(top, 0.0) + 0.5

    @property
    def far_below(self) -> list[Entry]:
        """Entries under the differences that are drawn."""
        return [e for e, found in self.differences.items() if found.interval.value < self.difference_limits[0]]

    def slots(self, anchors: dict[str, float], limits: tuple[float, float]) -> dict[str, float]:
        """Heights at which labels stand beside the plot: near their anchors, none over another."""
        low, high = limits
        space, order = LABEL_SPACE * (high - low), sorted(anchors, key=lambda name: anchors[name])
        heights = np.clip([anchors[name] for name in order], low, high)
        for i in range(1, len(heights)):
            heights[i] = max(heights[i], heights[i - 1] + space)
        excess = max(heights[-1] - high, 0.0) if len(heights) else 0.0
        for i in reversed(range(len(heights))):
            heights[i] = min(heights[i], high - space * (len(heights) - 1 - i)) if excess else heights[i]
        return {name: float(height) for name, height in zip(order, heights)}

    def _gain(self, entries: Sequence[Entry]) -> float:
        return max((self.differences[e].interval.value for e in entries if e in self.differences), default=-np.inf)


def names(entries: Sequence[Entry]) -> str:
    """Labels with their accuracies, for what a plot leaves out."""
    return ", ".join(f"{entry.label} ({entry.top1.value:.2f} %)" for entry in entries)
