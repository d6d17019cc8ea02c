"""Choices that leave some lines of a section's tables: family, budget, epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.report.entries import Entry
from bench.report.verdict import Verdict


@dataclass(frozen=True)
class Filter:
    """One choice.

    Attributes:
        options: what there is to choose, in order.
        chosen: the option of each entry, by the id of its record's details.
    """

    name: str
    options: Sequence[str]
    chosen: dict[str, str]


def filters(verdict: Verdict) -> list[Filter]:
    """The choices that tell entries apart; one that has a single option is none."""
    budgets = [finding.budget for finding in verdict.findings]

    def budget(entry: Entry) -> str:
        fraction = entry.record.macs_fraction if entry.record.point is None else entry.record.point
        near = min(budgets, key=lambda value: abs(value - fraction), default=None)
        return "1" if near is None or 1 - fraction < abs(near - fraction) else f"{near:g}"

    found = [
        _filter(verdict, "Family", lambda entry: entry.family.name),
        _filter(verdict, "Budget", budget),
        _filter(verdict, "Epochs", lambda entry: entry.record.stage_epochs or "none"),
    ]
    return [one for one in found if len(one.options) > 1]


def _filter(verdict: Verdict, name: str, value: Callable[[Entry], str]) -> Filter:
    chosen = {f"record-{entry.results[0].job}": value(entry) for entry in verdict.group.entries}
    return Filter(name, list(dict.fromkeys(chosen.values())), chosen)
