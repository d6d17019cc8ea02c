"""Ranks of methods over data sets, backbones, trainings and budgets. A pure function of records."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.records import Record
from bench.records.points import point_tolerance
from bench.records.validity import CLAIMED, is_quantised
from bench.report.entries import Entry, by_method
from bench.report.results import Group
from bench.report.tabular import Cell, Column, Table
from bench.statistics import Interval

BUDGETS = 0.4, 0.6, 0.8
"""Fractions of the dense backbone's MACs that a network may cost, within the tolerance of a point."""
RESAMPLES, SEED, LEVEL = 1000, 0, 0.95
CAPTION = (
    "Beats: mean share of the other methods that a method is more accurate than, over all contests that it is in, with "
    "a 95 % interval over test images. A contest: one data set, backbone, number of epochs on top of the dense "
    "network, and budget of MACs. Each method enters with its most accurate valid entry within the budget, picked by "
    "test accuracy: a method that was not run near a budget enters with a cheaper entry, or not at all. Networks in "
    "int8 are in none: their MACs are others."
)
FEWEST = 2
"""Methods that a contest needs: one alone beats nobody."""


@dataclass(frozen=True, eq=False)
class Contest:
    """One data set, backbone, number of epochs and budget, with the most accurate valid entry of each method in it."""

    group: Group
    epochs: int
    budget: float
    entries: Mapping[str, Entry]

    @property
    def name(self) -> str:
        return f"{self.group.name}, {self.epochs} epochs, {self.budget:g}"


@dataclass(frozen=True)
class Rank:
    """How a method does over all contests that it is in.

    Attributes:
        beats: mean share of the other methods that it is more accurate than, in percent; a tie counts half.
        contests: how many.
        first: in how many of these nobody is more accurate.
        records: of all its entries, each counted once.
    """

    method: str
    beats: Interval
    contests: int
    first: int
    records: int


def contests_of(groups: Sequence[Group], budgets: Sequence[float] = BUDGETS) -> list[Contest]:
    """All contests with at least ``FEWEST`` methods; the dense backbone is in none."""
    found = []
    for group in groups:
        entries = [entry for entry in group.entries if entry.valid and _competes(entry)]
        for epochs in sorted({added_epochs(entry.record) for entry in entries}):
            alike = [entry for entry in entries if added_epochs(entry.record) == epochs]
            found += [Contest(group, epochs, budget, _within(alike, budget)) for budget in budgets]
    return [contest for contest in found if len(contest.entries) >= FEWEST]


def _competes(entry: Entry) -> bool:
    """Whether it was made for a budget of MACs in floating point; a claim, whether it says how long it was trained."""
    if is_quantised(entry.record):
        return False
    return added_epochs(entry.record) > 0 if entry.claimed else entry.record.point is not None


def added_epochs(record: Record) -> int:
    """Epochs on top of the dense network that a record started from; of a cascade, those of its other members."""
    members = record.details.get("members") or []
    stages = [str(one.get("stage_epochs")) for one in members if one.get("method") != "dense"]
    return sum(int(number) for text in stages or [record.stage_epochs] for number in re.findall(r" (\d+)", text))


def _within(entries: Sequence[Entry], budget: float) -> dict[str, Entry]:
    cheap = [one for one in entries if one.known("macs_fraction") <= budget + point_tolerance(budget)]
    return {name: max(same, key=lambda one: one.known("top1")) for name, same in by_method(cheap).items()}


def rank(contests: Sequence[Contest]) -> list[Rank]:
    """Ranks, best first, with intervals from a bootstrap over test images: each resample is one for all contests.

    Contests are taken as they are, not as a sample of contests, and seeds pool into means: what varies is the images.
    """
    shares = [_shares(contest) for contest in contests]
    found = []
    for method in sorted({method for contest in contests for method in contest.entries}):
        own = [(contest, share[method]) for contest, share in zip(contests, shares) if method in share]
        mean = 100 * np.mean([values for _, values in own], axis=0)
        low, high = np.percentile(mean[1:], [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
        first = sum(_is_first(method, contest) for contest, _ in own)
        records = len(_jobs(method, contests))
        found.append(Rank(method, Interval(float(mean[0]), float(low), float(high)), len(own), first, records))
    return sorted(found, key=lambda one: (-one.beats.value, one.method))


def _jobs(method: str, contests: Sequence[Contest]) -> set[str]:
    """Names of the records that a method enters with."""
    entries = [contest.entries[method] for contest in contests if method in contest.entries]
    return {result.job for entry in entries for result in entry.results}


def _is_first(method: str, contest: Contest) -> bool:
    best = max(entry.known("top1") for entry in contest.entries.values())
    return contest.entries[method].known("top1") >= best


def _shares(contest: Contest) -> dict[str, np.ndarray]:
    """By method the share of the others that it beats, ``[1 + RESAMPLES]``: on all images, then on each resample."""
    correct = np.stack([entry.by_seed("correct").mean(0) for entry in contest.entries.values()])
    accuracies = np.stack([weights @ correct.T for weights in _weights(correct.shape[1])])
    over, level = accuracies[:, :, None] > accuracies[:, None, :], accuracies[:, :, None] == accuracies[:, None, :]
    others = len(correct) - 1
    shares = (over.sum(2) + 0.5 * (level.sum(2) - 1)) / others
    return dict(zip(contest.entries, shares.T))


def _weights(images: int) -> Iterator[np.ndarray]:
    """How often each image is drawn: once each, then in every resample of ``images`` draws."""
    yield np.ones(images)
    generator = np.random.default_rng(SEED)
    for _ in range(RESAMPLES):
        yield np.bincount(generator.integers(images, size=images), minlength=images).astype(float)


def leaderboard(groups: Sequence[Group], standing: Mapping[str, str], budgets: Sequence[float] = BUDGETS) -> Table:
    """The table of ranks.

    Args:
        standing: of jobs, by the names of their folders, as ``bench check --submission`` found; others were not
            checked.
    """
    contests = contests_of(groups, budgets)
    return Table(
        name="leaderboard",
        title="leaderboard",
        caption=CAPTION,
        columns=[
            Column("Method", numeric=False),
            Column("Beats (%)"),
            Column("Contests"),
            Column("First"),
            Column("Records"),
            Column("Checked", numeric=False),
        ],
        rows=[_row(one, contests, standing) for one in rank(contests)] if contests else [],
        notes=[f"{contest.name}: {', '.join(_order(contest))}" for contest in contests],
    )


def _order(contest: Contest) -> list[str]:
    ordered = sorted(contest.entries.values(), key=lambda entry: -entry.known("top1"))
    return [f"{entry.label} {entry.known('top1'):.2f}" for entry in ordered]


def _row(one: Rank, contests: Sequence[Contest], standing: Mapping[str, str]) -> list[Cell]:
    claimed = any(one.method in found.entries and found.entries[one.method].claimed for found in contests)
    unchecked = CLAIMED if claimed else "not checked"
    found = sorted({standing.get(job, unchecked) for job in _jobs(one.method, contests)})
    interval = f"{one.beats.value:.0f} [{one.beats.low:.0f}, {one.beats.high:.0f}]"
    numbers = [Cell(str(value), value) for value in (one.contests, one.first, one.records)]
    return [Cell(one.method), Cell(interval, one.beats.value), *numbers, Cell(", ".join(found))]
