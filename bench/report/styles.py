"""How methods look in plots: the family's colour, a marker and a line of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.records.validity import CLAIMED
from bench.report.entries import Entry
from bench.report.families import FAMILIES
from bench.report.results import Group

Style = tuple[str, str, object]
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
BAND, GREY = "#d9d9d9", "#b0b0b0"
"""Of the static front's uncertainty, and of what does not stand out."""
LONGEST = 32
"""Letters of a name."""


def styles(groups: Sequence[Group]) -> dict[str, Style]:
    """Colour, marker and line of each method, the same in every plot of a report."""
    families = {entry.record.method: entry.family for group in groups for entry in group.entries}
    found: dict[str, Style] = {}
    for family in FAMILIES:
        members = sorted((name for name in families if families[name] == family), key=lambda n: (n != "dense", n))
        for i, name in enumerate(members):
            found[name] = family.colour, family.markers[i % len(family.markers)], LINES[i % len(LINES)]
    return found


def static_entries(group: Group, groups: Sequence[Group]) -> list[Entry]:
    """The valid static networks of all backbones on the group's data: what dynamic ones have to beat."""
    return [entry for entry in entries_beside(group, groups) if entry.family.static and entry.comparable]


def entries_beside(group: Group, groups: Sequence[Group]) -> list[Entry]:
    """All entries on the group's data: its own, and those of other backbones under these backbones' names."""
    alike = [one for one in groups if (one.dataset, one.precision) == (group.dataset, group.precision)]
    others = [one for one in alike if one.backbone != group.backbone]
    return [*group.entries, *(replace(entry, among=other.backbone) for other in others for entry in other.entries)]


def short(name: str) -> str:
    """A name that leaves room for the plot, and keeps the mark of claims."""
    name, mark, rest = name.partition(f" ({CLAIMED})")
    return (name if len(name) <= LONGEST else name[: LONGEST - 1] + "…") + mark + rest


def middle(entries: Sequence[Entry]) -> Entry:
    """The entry in the middle of a method's operating points, where one has to stand for all."""
    return entries[len(entries) // 2]
