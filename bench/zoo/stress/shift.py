"""Accuracy and cost of trained networks on shifted test images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.data import DataSet
from bench.measurement.shifts import Shifted, in_memory, shifted
from bench.measurement.watching import Replay, Watched, watch
from bench.records.conditions import SHIFTS, add_condition, read_conditions
from bench.statistics import spearman
from bench.system.files import write_atomically
from bench.zoo.stress.subjects import Subject, require_images

CLEAN = ("clean", 0)
KEPT = ("index", "label", "prediction", "correct", "confidence", "macs", "gate_macs", "exit")
"""Columns of the images' files."""


@dataclass(frozen=True)
class ShiftPlan:
    """What is measured.

    Attributes:
        images: the first so many test images; None: all.
        data_dir: where published files may lie.
        command: for the rows.
    """

    shifts: Sequence[str]
    severities: Sequence[int]
    images: int | None
    data_dir: Path | None
    command: str


def stress_shifts(
    subjects: Sequence[Subject], data: DataSet, plan: ShiftPlan, out: Path, say: Callable[[str], None]
) -> None:
    """Measures every network under every shift, and unshifted; rows that are in ``out`` already are kept.

    Raises:
        BadInput: ``out`` holds rows about another number of images, or cannot be written.
    """
    table = out / SHIFTS.file
    clean = in_memory(data.test, plan.images)
    done = _done(table, len(clean))
    conditions = [(shift, severity) for shift in plan.shifts for severity in plan.severities]
    open_ = {subject: [one for one in conditions if (subject.job, *one) not in done] for subject in subjects}
    subjects = [subject for subject in subjects if open_[subject] or (subject.job, *CLEAN) not in done]
    before = {subject: watch(subject.lowered, data, clean) for subject in subjects}
    replays = {subject: Replay(subject.network, data, clean, before[subject].samples) for subject in subjects}
    for subject in subjects:
        if (subject.job, *CLEAN) not in done:
            _keep(subject, CLEAN, before[subject], plan, out, {"source": "as they are"} | _UNCHANGED)
    for shift, severity in conditions:
        waiting = [subject for subject in subjects if (shift, severity) in open_[subject]]
        if waiting:
            say(f"{shift} {severity}: {len(clean):,} images, {len(waiting)} networks")
            images = shifted(clean, data, shift, severity, plan.data_dir)
            for subject in waiting:
                after = watch(subject.lowered, data, images.split)
                change = _change(before[subject].samples, after.samples, replays[subject], images)
                _keep(subject, (shift, severity), after, plan, out, change)


_UNCHANGED = dict.fromkeys(("dearer", "cheaper", "cost_confidence", "cost_correct", "replayed_top1"))


def _done(table: Path, images: int) -> set[tuple[str, str, int]]:
    rows = read_conditions(table, SHIFTS)
    require_images(rows, images, table)
    return set(rows[list(SHIFTS.key)].itertuples(index=False, name=None))


def _change(before: pd.DataFrame, after: pd.DataFrame, replay: Replay, images: Shifted) -> dict[str, Any]:
    """What became of single images: their cost, their confidence, and what deciding anew was worth."""
    cost = (after["macs"] - before["macs"]).to_numpy()
    replayed = replay.correct(images.split)
    return {
        "source": images.source,
        "dearer": 100 * float((cost > 0).mean()),
        "cheaper": 100 * float((cost < 0).mean()),
        "cost_confidence": spearman(cost, after["confidence"] - before["confidence"]),
        "cost_correct": spearman(cost, after["correct"].astype(int) - before["correct"].astype(int)),
        "replayed_top1": None if replayed is None else 100 * float(replayed.mean()),
    }


def _keep(
    subject: Subject, condition: tuple[str, int], found: Watched, plan: ShiftPlan, out: Path, more: dict[str, Any]
) -> None:
    """Writes the images' outcomes, then the row that stands for them."""
    shift, severity = condition
    folder = out / "images" / subject.job
    folder.mkdir(parents=True, exist_ok=True)
    samples = found.samples[[name for name in KEPT if name in found.samples]]
    write_atomically(folder / f"{shift}-{severity}.parquet", lambda path: samples.to_parquet(path, index=False))
    row = subject.row(found.samples, plan.command) | {"shift": shift, "severity": severity, "entropy": found.entropy}
    add_condition(out / SHIFTS.file, SHIFTS, row | more)
