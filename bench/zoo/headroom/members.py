"""The networks to choose among: their records, and what they answer to validation images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from bench.data import DataSet
from bench.errors import BadInput
from bench.execution import to_inference
from bench.measurement.controls import can_shuffle, shuffled_correct
from bench.measurement.evaluation import evaluate
from bench.measurement.selection import Answers
from bench.records import MODEL_FILE, Record
from bench.records.merge import find_jobs
from bench.records.validity import is_claimed, is_sound
from bench.report.results import Entry, Result, load_groups, require_same_images
from bench.zoo.loading import load_pretrained


@dataclass(frozen=True, eq=False)
class Member:
    """One record and its network.

    Attributes:
        name: method and operating point, and more where that is not enough to tell the networks of a seed apart.
        samples: outcomes of the test images.
        unit: MACs of the dense backbone that all costs are fractions of.
        validation: answers to validation images, where the network was run.
        shuffled_loss: points of validation top-1 lost with decisions of other images.
    """

    name: str
    folder: Path
    record: Record
    samples: pd.DataFrame
    unit: float
    validation: Answers | None = None
    shuffled_loss: float | None = None

    @cached_property
    def test(self) -> Answers:
        """Answers to the test images."""
        return Answers.of(self.samples, self.unit)

    @property
    def on_validation(self) -> Answers:
        """Answers to the validation images, of a network that was run on them."""
        assert self.validation is not None
        return self.validation

    @property
    def varies(self) -> bool:
        """Whether one image costs more than another."""
        return bool(np.ptp(self.samples["macs"]) > 0)


def load_members(folders: Sequence[Path]) -> list[Member]:
    """All valid records below ``folders``, each once.

    Raises:
        BadInput: fewer than two of them, or records that are not about the same images.
    """
    paths = {folder.name: folder for folder in find_jobs(folders)}
    groups = load_groups(folders)
    require_same_images([result for group in groups for result in group.results])
    unit = max(result.record.macs_backbone for group in groups for result in group.results)
    measured = [result for group in groups for result in group.results if not is_claimed(result.record)]
    valid = [result for result in measured if is_sound(result.record)]
    members = [
        Member(name, paths[result.job], result.record, result.samples, unit)
        for name, result in zip(_names(valid), valid)
    ]
    if len(members) < 2:
        raise BadInput(f"a choice needs two networks on the same images, here is {len(members)} valid record")
    return members


def has_network(member: Member) -> bool:
    """Whether the trained weights lie beside the record."""
    return (member.folder / MODEL_FILE).exists()


def with_validation(member: Member, data: DataSet) -> Member:
    """The member with its network's answers to the validation images.

    Raises:
        BadInput: weights that cannot be read or are not those of the record.
    """
    network = load_pretrained(member.folder, member.record, len(data.classes))
    found = Answers.of(evaluate(to_inference(network), data, data.validation).samples, member.unit)
    loss = None
    if member.varies and can_shuffle(network):
        loss = found.top1 - 100 * float(shuffled_correct(network, data, data.validation).mean())
    return replace(member, validation=found, shuffled_loss=loss)


def _names(results: Sequence[Result]) -> list[str]:
    several = len({result.record.backbone for result in results}) > 1
    plain = [f"{result.record.backbone} " * several + Entry([result]).label for result in results]
    seen = Counter((name, result.record.seed) for name, result in zip(plain, results))
    return [
        f"{name} ({result.job[-8:]})" if seen[name, result.record.seed] > 1 else name
        for name, result in zip(plain, results)
    ]
