"""Headroom of trained networks: records in, findings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench.data import DataOptions, DataSet, cifar10h, load_data
from bench.data.recorded import data_options, require_same_data
from bench.errors import BadInput
from bench.report.headroom import Cascade, Headroom, Network
from bench.statistics import area_under_roc, spearman
from bench.zoo.headroom.depths import probes_of
from bench.zoo.headroom.members import Member, has_network, load_members, with_validation
from bench.zoo.headroom.pairs import Pair, all_cascades, curve_of, gains_of, oracle_of_all, pair_oracle, pairs_of

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What to look for.

    Attributes:
        budgets: fractions of the dense backbone's MACs.
        pair: names or jobs of the cheap and the dear network that curve and probes are about; None: the pair that
            validation images prefer at the middle budget.
        human_labels: file of CIFAR-10H; None: the one beside the images, if there is one.
        records_only: run no network; oracles and correlations need none.
    """

    budgets: Sequence[float]
    pair: tuple[str, str] | None = None
    human_labels: Path | None = None
    records_only: bool = False


def find_headroom(folders: Sequence[Path], data_dir: Path | None, options: Options, say: Say) -> Headroom:
    """What choosing among the networks below ``folders`` for each image could gain.

    Args:
        say: gets a line about each thing that takes time.

    Raises:
        BadInput: fewer than two records, other images than the recorded ones, or an unknown pair.
    """
    members = load_members(folders)
    remarks: list[str] = []
    if options.pair:
        _named(pairs_of(members), options.pair)  # before minutes are spent
    people = _doubt_of_people(members[0], data_dir, options.human_labels, remarks)
    chosen: dict[str, Any] = {"validation_images": 0}
    if options.records_only:
        remarks.append("No network was run: no cascades, no probes.")
    else:
        members = _run(members, data_dir, say, remarks)
        chosen = _choices([member for member in members if member.validation], data_dir, options, say, remarks)
    largest = max(members, key=lambda member: member.record.macs_backbone).record
    return Headroom(
        dataset=largest.dataset,
        title=largest.title,
        backbone=largest.backbone,
        images=len(members[0].samples),
        networks=tuple(_network(member, people) for member in members),
        oracles=(*(pair_oracle(*pair) for pair in pairs_of(members)), *oracle_of_all(members)),
        remarks=tuple(remarks),
        **chosen,
    )


def _run(members: Sequence[Member], data_dir: Path | None, say: Say, remarks: list[str]) -> list[Member]:
    """The members, with answers to validation images where there is a network."""
    ran = []
    for member in members:
        if has_network(member):
            say(f"validation images through {member.name}, seed {member.record.seed}")
            member = with_validation(member, _data(member, data_dir))
        ran.append(member)
    if without := sorted({member.name for member in ran if member.validation is None}):
        remarks.append(f"No trained network beside the record of {', '.join(without)}: no part in cascades.")
    return ran


def _choices(
    members: Sequence[Member], data_dir: Path | None, options: Options, say: Say, remarks: list[str]
) -> dict[str, Any]:
    """Cascades, what they gain, and curve and probes of one pair; ``members`` have validation answers."""
    pairs = pairs_of(members)
    cascades = all_cascades(pairs, options.budgets)
    pair = _named(pairs, options.pair) if options.pair else _preferred(pairs, cascades)
    names = pair and (pair[0].name, pair[1].name)
    shown = [row for row in cascades if row.chosen or (row.cheap, row.dear) == names]
    found = {
        "validation_images": len(members[0].on_validation.correct) if members else 0,
        "cascades": tuple(cascades),
        "gains": tuple(gain for row in shown for gain in gains_of(row, members)),
    }
    if pair is None:
        remarks.append("No cascade fits a budget: give higher --budgets, or more networks.")
        return found
    say(f"probes: will {pair[0].name} be wrong?")
    probes = probes_of(pair[0], members, _data(pair[0], data_dir), remarks)
    return found | {"curve": tuple(curve_of(*pair)), "probes": tuple(probes)}


def _named(pairs: Sequence[Pair], names: tuple[str, str]) -> Pair:
    found = [pair for pair in pairs if all(name in (one.name, one.folder.name) for name, one in zip(names, pair))]
    if not found:
        known = sorted({member.name for pair in pairs for member in pair})
        raise BadInput(f"no pair {', '.join(names)} of one seed, the cheap one first: choose from {', '.join(known)}")
    return found[0]


def _preferred(pairs: Sequence[Pair], cascades: Sequence[Cascade]) -> Pair | None:
    """The pair chosen at the middle budget, of the first seed."""
    rows = sorted((row for row in cascades if row.chosen), key=lambda row: (row.seed, row.budget))
    rows = [row for row in rows if row.seed == rows[0].seed]
    if not rows:
        return None
    middle = rows[len(rows) // 2]
    named = {(cheap.name, dear.name, cheap.record.seed): (cheap, dear) for cheap, dear in pairs}
    return named[middle.cheap, middle.dear, middle.seed]


def _data(member: Member, data_dir: Path | None) -> DataSet:
    data = _load(member.record.dataset, data_dir, data_options(member.record))
    require_same_data(member.record, data)
    return data


@lru_cache(maxsize=1)
def _load(name: str, data_dir: Path | None, options: DataOptions) -> DataSet:
    """Read and hashed once for all networks."""
    return load_data(name, data_dir, options)


def _doubt_of_people(member: Member, data_dir: Path | None, file: Path | None, remarks: list[str]) -> np.ndarray | None:
    """Entropy of people's labels for each test image, in the order of the images' indices."""
    if member.record.dataset != cifar10h.DATASET:
        if file is not None:
            raise BadInput(f"--human-labels are about {cifar10h.DATASET}, the records about {member.record.dataset}")
        return None
    path = file or cifar10h.find(data_dir)
    if path is None:
        remarks.append(f"How unsure people are was left out: {cifar10h.HOW_TO_GET_IT}.")
        return None
    ordered = member.samples.sort_values("index")
    return cifar10h.entropy(cifar10h.load(path, ordered["index"], ordered["label"]))


def _network(member: Member, people: np.ndarray | None) -> Network:
    test = member.test

    def with_people(values: np.ndarray) -> float | None:
        return None if people is None else spearman(values, people)

    return Network(
        job=member.folder.name,
        name=member.name,
        seed=member.record.seed,
        top1=test.top1,
        macs=test.mean_macs,
        validation_top1=member.validation.top1 if member.validation else None,
        varies=member.varies,
        confidence_area=area_under_roc(test.confidence, test.correct),
        cost_errors=spearman(test.macs, ~test.correct),
        cost_people=with_people(test.macs),
        doubt_people=with_people(1 - test.confidence),
        shuffled_loss=member.shuffled_loss,
    )
