"""How methods look in plots: with or without colour, every one has a marker, a line and a grey of its own."""

from __future__ import annotations

from collections.abc import Sequence

from bench.report.entries import Entry
from bench.report.results import Group

Style = tuple[str, str, object]
# Okabe and Ito's colours: the colour-blind can tell them apart. Markers and lines do so in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195", "#8A7F00")
MARKERS = "sD^vPX*<>p"
LINES = ("--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
STATIC: dict[str, Style] = {
    "dense": ("#000000", "o", "-"),
    "slim": ("#777777", "o", "-"),
    "shallow": ("#777777", "h", "-"),
}
LONGEST = 32
"""Letters of a name."""


def styles(groups: Sequence[Group]) -> dict[str, Style]:
    """Colour, marker and line of each method, the same in every plot of a report."""
    names = sorted({entry.record.method for group in groups for entry in group.entries if not entry.is_static})
    return {
        name: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], LINES[i % len(LINES)])
        for i, name in enumerate(names)
    } | STATIC


def plain_resnets(group: Group, groups: Sequence[Group]) -> list[Entry]:
    """The valid static networks of all backbones on the group's data: what dynamic ones have to beat."""
    same = [other for other in groups if other.dataset == group.dataset]
    return [entry for other in same for entry in other.entries if entry.is_static and entry.valid]


def short(name: str) -> str:
    """A name that leaves room for the plot."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
