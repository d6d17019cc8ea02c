"""What trained networks spend on images that were changed to make them spend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from bench.data import DataSet, Split
from bench.errors import BadInput
from bench.measurement.attack import Ascent, costly_images, noisy_images, universal_images
from bench.measurement.counting import flop_counter_macs
from bench.measurement.shifts import in_memory
from bench.measurement.watching import watch
from bench.networks.network import DynamicNetwork
from bench.records.conditions import ATTACKS, add_condition, read_conditions
from bench.zoo.stress.subjects import Subject, require_images

CLEAN, NOISE = "none", "noise"
COUNTED = 2
"""Images of each attack whose MACs the independent counter counts."""
LEARNT_FROM = 200
"""Validation images that a universal change is made from."""


@dataclass(frozen=True)
class AttackPlan:
    """What is measured.

    Attributes:
        attacks: some of :data:`bench.choices.ATTACKS`.
        images: the first so many test images; None: all.
        command: for the rows.
    """

    attacks: Sequence[str]
    images: int | None
    command: str
    ascent: Ascent = field(default_factory=Ascent)


def stress_attacks(
    subjects: Sequence[Subject], data: DataSet, plan: AttackPlan, out: Path, say: Callable[[str], None]
) -> None:
    """Attacks every network, and shows what it was attacked with to all others; rows that are in ``out`` are kept.

    Raises:
        BadInput: ``out`` holds rows about another number of images, or cannot be written.
    """
    clean = in_memory(data.test, plan.images)
    rows = read_conditions(out / ATTACKS.file, ATTACKS)
    require_images(rows, len(clean), out / ATTACKS.file)
    _require_ascent(rows, plan.ascent, out / ATTACKS.file)
    done = set(rows[list(ATTACKS.key)].itertuples(index=False, name=None))
    out.mkdir(parents=True, exist_ok=True)
    before = {subject: watch(subject.lowered, data, clean).samples for subject in subjects}
    trial = _Trial(plan, data, clean, before, out)
    for name, images in ((CLEAN, clean.images), (NOISE, noisy_images(clean, plan.ascent))):
        for subject in subjects:
            if (subject.job, name, name) not in done:
                trial.keep(subject, (name, name), images, {})
    for attacked in subjects:
        if any((attacked.job, attack, attacked.job) not in done for attack in plan.attacks):
            say(f"{attacked.job}: {', '.join(plan.attacks)} on {len(clean):,} images")
            trial.attack(attacked, subjects)


@dataclass(frozen=True)
class _Trial:
    """The images before an attack, and what became of them in each network."""

    plan: AttackPlan
    data: DataSet
    clean: Split
    before: Mapping[Subject, pd.DataFrame]
    out: Path

    def attack(self, attacked: Subject, subjects: Sequence[Subject]) -> None:
        """All attacks on one network, and their images in every network; its own rows come last."""
        made = {attack: self._images(attack, attacked) for attack in self.plan.attacks}
        moved = any(not torch.equal(images, self.clean.images) for images in made.values())
        counted = self._counted(attacked, made)
        for attack, images in made.items():
            others = [subject for subject in subjects if subject is not attacked] if moved else []
            for subject in (*others, attacked):
                told = {"counted": counted[attack]} if subject is attacked else {}
                self.keep(subject, (attack, attacked.job), images, told)

    def _images(self, attack: str, attacked: Subject) -> Tensor:
        ascent, network = self.plan.ascent, attacked.network
        if attack == "universal":
            learn = in_memory(self.data.validation, LEARNT_FROM)
            return universal_images(network, self.data, learn, self.clean, ascent)
        return costly_images(network, self.data, self.clean, ascent, keep=attack == "cost_kept")

    def _counted(self, attacked: Subject, made: Mapping[str, Tensor]) -> dict[str, list[int]]:
        """MACs of the first images of each attack, by the independent counter; none where no work is skipped."""
        if attacked.lowered.execution == "masked":
            return {attack: [] for attack in made}
        some = torch.cat([images[:COUNTED] for images in made.values()])
        macs = flop_counter_macs(cast(DynamicNetwork, attacked.network), self.data.normalise(some))
        return {attack: macs[COUNTED * place :][:COUNTED] for place, attack in enumerate(made)}

    def keep(self, subject: Subject, key: tuple[str, str], images: Tensor, told: Mapping[str, list[int]]) -> None:
        """Runs the skipping execution on some images and writes the row."""
        before = self.before[subject]
        after = watch(subject.lowered, self.data, replace(self.clean, images=images)).samples
        counted, ascent = told.get("counted", []), asdict(self.plan.ascent)
        own: dict[str, Any] = {
            "attack": key[0],
            "attacked": key[1],
            **{name: ascent[name] for name in ("epsilon", "step", "steps", "restarts")},
            "attack_seed": ascent["seed"],
            "moved": int((images.int() - self.clean.images.int()).abs().max()),
            "same_prediction": 100 * float((after["prediction"] == before["prediction"]).mean()),
            "saving_left": _saving_left(before, after, subject.record.macs_backbone),
            "counted": len(counted),
            "counted_difference": _difference(counted, after["macs"].to_numpy()) if counted else None,
        }
        add_condition(self.out / ATTACKS.file, ATTACKS, subject.row(after, self.plan.command) | own)


def _require_ascent(rows: pd.DataFrame, ascent: Ascent, table: Path) -> None:
    """Raises BadInput where ``rows`` of ``table`` are about other bounds or steps: they would not compare."""
    for name in ("epsilon", "step", "steps", "restarts"):
        if other := sorted(set(rows[name]) - {getattr(ascent, name)}):
            raise BadInput(f"{table} is about {name} {other[0]}, not {getattr(ascent, name)}: choose another --out")


def _difference(counted: Sequence[int], reported: np.ndarray) -> int:
    return int(np.abs(np.array(counted) - reported[: len(counted)]).max())


def _saving_left(before: pd.DataFrame, after: pd.DataFrame, dense: float) -> float | None:
    """Percent of what the network saves on the images as they were; below 0: dearer than the dense backbone."""
    saved = 1 - before["macs"].mean() / dense
    return 100 * float((1 - after["macs"].mean() / dense) / saved) if saved > 0 else None
