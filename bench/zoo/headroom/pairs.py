"""Pairs of networks: oracle, cascade and chance. What is chosen is chosen on validation images and shown on test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np

from bench.measurement.selection import (
    Answers,
    affordable_threshold,
    cascade,
    oracle,
    random_choice,
    share_at_cost,
)
from bench.report.headroom import Cascade, CurvePoint, Gain, Oracle
from bench.statistics import mcnemar, paired_bootstrap
from bench.zoo.headroom.members import Member

ALLOWANCE = 1.02
"""Single networks may cost so many times the budget: points that were trained for are met only about."""
CURVE_POINTS = 41
Pair = tuple[Member, Member]


def pairs_of(members: Iterable[Member]) -> list[Pair]:
    """Each cheaper network with each dearer one of the same seed."""
    return [
        (cheap, dear)
        for cheap, dear in permutations(members, 2)
        if cheap.record.seed == dear.record.seed and cheap.test.mean_macs < dear.test.mean_macs
    ]


def pair_oracle(cheap: Member, dear: Member) -> Oracle:
    """What the better of two would be for each image."""
    both = oracle([cheap.test, dear.test])
    only_cheap, only_dear = (
        100 * float((a.test.correct & ~b.test.correct).mean()) for a, b in ((cheap, dear), (dear, cheap))
    )
    return Oracle(cheap.name, dear.name, cheap.record.seed, both.top1, both.mean_macs, only_cheap, only_dear)


def oracle_of_all(members: Sequence[Member]) -> list[Oracle]:
    """What the best of all networks of one seed would be, seed by seed; where there are more than two of them."""
    seeds = sorted({member.record.seed for member in members})
    same = {seed: [member.test for member in members if member.record.seed == seed] for seed in seeds}
    found = [(seed, len(tests), oracle(tests)) for seed, tests in same.items() if len(tests) > 2]
    return [Oracle(f"all {count}", "", seed, best.top1, best.mean_macs) for seed, count, best in found]


def pair_cascade(cheap: Member, dear: Member, budget: float) -> Cascade | None:
    """The cascade whose threshold fits ``budget`` on validation images; None where the cheap network is too dear."""
    threshold = affordable_threshold(cheap.on_validation, dear.on_validation, budget)
    if threshold is None:
        return None
    found = cascade(cheap.test, dear.test, threshold)
    share = float((cheap.test.confidence < threshold).mean())
    return Cascade(
        cheap=cheap.name,
        dear=dear.name,
        seed=cheap.record.seed,
        budget=budget,
        chosen=False,
        threshold=threshold if np.isfinite(threshold) else None,
        validation_top1=cascade(cheap.on_validation, dear.on_validation, threshold).top1,
        share=100 * share,
        top1=found.top1,
        macs=found.mean_macs,
        random_top1=_by_chance(cheap.test, dear.test, share),
        coin_top1=_by_chance(cheap.test, dear.test, share_at_cost(cheap.test, dear.test, found.mean_macs)),
    )


def all_cascades(pairs: Sequence[Pair], budgets: Sequence[float]) -> list[Cascade]:
    """Every pair at every budget; of each seed and budget the best on validation images is marked as chosen."""
    tried = [pair_cascade(*pair, budget) for budget in budgets for pair in pairs]
    found = [one for one in tried if one is not None]
    best: dict[tuple[int, float], Cascade] = {}
    for one in found:
        known = best.setdefault((one.seed, one.budget), one)
        if one.validation_top1 > known.validation_top1:
            best[one.seed, one.budget] = one
    return [replace(one, chosen=best[one.seed, one.budget] is one) for one in found]


def gains_of(row: Cascade, members: Sequence[Member]) -> list[Gain]:
    """A cascade against the best static and the best dynamic network for its budget, and its dear network."""
    same = [member for member in members if member.record.seed == row.seed]
    by_name = {member.name: member for member in same}
    cheap, dear = by_name[row.cheap], by_name[row.dear]
    found = cascade(cheap.test, dear.test, np.inf if row.threshold is None else row.threshold)
    affordable = [member for member in same if member.on_validation.mean_macs <= ALLOWANCE * row.budget]
    others = {"static": _best(affordable, varies=False), "dynamic": _best(affordable, varies=True), "dear": dear}
    return [_gain(row, role, found, other) for role, other in others.items() if other is not None]


def curve_of(cheap: Member, dear: Member) -> list[CurvePoint]:
    """One pair's cascade from the cheap network alone to both on every image."""
    least = cheap.on_validation.mean_macs
    ends = (least, least + dear.on_validation.mean_macs)
    found = (pair_cascade(cheap, dear, float(budget)) for budget in np.linspace(*ends, CURVE_POINTS))
    return [CurvePoint(one.cheap, one.dear, one.macs, one.top1, one.random_top1) for one in found if one is not None]


def _by_chance(cheap: Answers, dear: Answers, share: float) -> float:
    return 100 * random_choice([cheap.correct, dear.correct], [1 - share, share])


def _best(members: Sequence[Member], varies: bool) -> Member | None:
    same = [member for member in members if member.varies == varies]
    return max(same, key=lambda member: member.on_validation.top1, default=None)


def _gain(row: Cascade, role: str, found: Answers, other: Member) -> Gain:
    difference = paired_bootstrap(100 * found.correct, 100 * other.test.correct)
    return Gain(
        cheap=row.cheap,
        dear=row.dear,
        seed=row.seed,
        budget=row.budget,
        role=role,
        over=other.name,
        over_top1=other.test.top1,
        over_macs=other.test.mean_macs,
        value=difference.value,
        low=difference.low,
        high=difference.high,
        p_value=mcnemar(found.correct, other.test.correct).p_value,
    )
