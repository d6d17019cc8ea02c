"""Lines of tables: results that differ in nothing but their seed, pooled wherever they were made."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bench.records import Record
from bench.records.points import misses_point
from bench.records.times import ImageTimes
from bench.records.validity import INVALID, is_claimed, is_quantised, is_sound, is_timed, time_state, time_text
from bench.report.families import ELSEWHERE, FAMILIES, Family, family_of
from bench.statistics import Interval, accuracy_interval, cost_interval


@dataclass(frozen=True, eq=False)
class Result:
    """One record and the outcome of every test image; ``job`` is the name of its folder.

    Attributes:
        curve: what ``bench curve`` found about the network, if it was asked (:mod:`bench.records.curves`).
        times: of single images, where they were timed.
    """

    job: str
    record: Record
    samples: pd.DataFrame
    curve: pd.DataFrame | None = None
    times: ImageTimes | None = None

    @cached_property
    def executed(self) -> pd.DataFrame:
        """Whether an image executed a block (0 or 1): one row per image, one column per gated block."""
        return _per_block(self.samples, "executed_")

    @cached_property
    def kept(self) -> pd.DataFrame:
        """Which fraction of a block's channels or positions an image kept: one row per image."""
        return _per_block(self.samples, "kept_")


@dataclass(frozen=True, eq=False)
class Entry:
    """One line of a table: results that differ in nothing but their seed.

    Attributes:
        ambiguous: whether another entry has this method and point too, so that the label must tell more.
        about_time: whether it stands for times alone, all from one machine; then these must be valid too.
        machine: which of several machines, for the label.
        among: its backbone, for the label, where it stands among networks of another one.
    """

    results: Sequence[Result]
    ambiguous: bool = False
    about_time: bool = False
    machine: str = ""
    among: str = ""

    @property
    def record(self) -> Record:
        """The first seed's record, for everything that all seeds share."""
        return self.results[0].record

    @property
    def label(self) -> str:
        """Method and operating point, and what else it takes to be told apart: the job's hash, the machine."""
        point = "" if self.record.point is None else f" {self.record.point:g}"
        job = f" ({self.results[0].job[-8:]})" if self.ambiguous else ""
        backbone = f" of {self.among}" if self.among else ""
        return self.record.method + point + backbone + job + (f" on machine {self.machine}" if self.machine else "")

    @cached_property
    def family(self) -> Family:
        """What its method decides for each image, if anything; claims are a family of their own."""
        return ELSEWHERE if self.claimed else family_of(self.record.method, self.results[0].samples)

    def mean(self, field: str) -> float | None:
        """Mean over seeds of a record's field; None where a seed does not have it."""
        values = [getattr(result.record, field) for result in self.results]
        return None if any(value is None for value in values) else float(np.mean(values))

    def known(self, field: str) -> float:
        """As :meth:`mean`, of a field that every record has."""
        value = self.mean(field)
        assert value is not None
        return value

    @property
    def valid(self) -> bool:
        """Whether accuracy and cost may be trusted, and where it is ``about_time`` the times as well."""
        return is_sound(self.record) and not (self.about_time and time_state(self.record) == INVALID)

    @property
    def claimed(self) -> bool:
        """Whether somebody claims it, and nothing of it was measured here."""
        return is_claimed(self.record)

    @property
    def comparable(self) -> bool:
        """Whether it was measured here, in floating point, and is valid: what may be best, on a front, or an answer."""
        return self.valid and not self.claimed and not is_quantised(self.record)

    @property
    def missed(self) -> bool:
        """Whether it costs something else than its operating point asks for."""
        return misses_point(self.known("macs_fraction"), self.record.point)

    @property
    def seeds(self) -> list[int]:
        return [result.record.seed for result in self.results]

    @property
    def origin(self) -> str:
        """How many seeds, and how many commits and machines where there are several."""
        commits = len({result.record.commit for result in self.results})
        machines = len({result.record.environment_id for result in self.results})
        several = [counted(count, name) for count, name in ((commits, "commit"), (machines, "machine")) if count > 1]
        return ", ".join([counted(len(self.results), "seed"), *several])

    @property
    def time_text(self) -> str:
        """``VALID``, ``INVALID`` or ``not timed``, with the number of seeds where they differ."""
        states = Counter(time_state(result.record) for result in self.results)
        if len(states) == 1:
            return time_text(*states)
        return ", ".join(f"{count} {time_text(state)}" for state, count in sorted(states.items()))

    @cached_property
    def timed(self) -> list[Entry]:
        """Its timed results, one entry for each machine, way of execution and validity: times pool within these."""
        found: dict[tuple, list[Result]] = {}
        for result in self.results:
            record = result.record
            if is_timed(record):
                kind = (timing_machine(record), record.execution, record.executor, time_state(record))
                found.setdefault(kind, []).append(result)
        return [replace(self, results=same, about_time=True) for same in found.values()]

    @cached_property
    def top1(self) -> Interval:
        """Percent, with its interval over images, and over seeds where there are several."""
        return accuracy_interval(self.by_seed("correct"))

    @cached_property
    def macs(self) -> Interval:
        """MACs per image, with their interval over images, and over seeds where there are several."""
        return cost_interval(self.by_seed("macs"))

    @cached_property
    def macs_per_image(self) -> np.ndarray:
        """MACs of each image, averaged over seeds."""
        return self.by_seed("macs").mean(0)

    @cached_property
    def images(self) -> np.ndarray:
        """Indices of the test images, in the order of ``by_seed``."""
        return np.sort(self.results[0].samples["index"].to_numpy())

    def by_seed(self, column: str, seeds: Sequence[int] | None = None) -> np.ndarray:
        """A column of ``samples.parquet``, ``[seeds, images]``, images in the order of their indices.

        Args:
            seeds: which, in their order; None: all.
        """
        chosen = self.results if seeds is None else [self.results[self.seeds.index(seed)] for seed in seeds]
        return np.stack([result.samples.sort_values("index")[column].to_numpy(float) for result in chosen])


def by_method(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Entries of each method, in their order."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.record.method, []).append(entry)
    return found


def note(details: Mapping[str, Any], topic: str) -> str:
    """The remark that a record keeps about ``topic`` (``start``, ``data``); empty where there is none."""
    value = details.get(topic)
    return str(value.get("note") or "") if isinstance(value, dict) else str(value or "")


def pool(results: Iterable[Result]) -> list[Entry]:
    """Entries in the order of tables: dense, then family by family, method by method, from the dearest point on.

    Seeds pool where the method and its version, the point and the training are the same, whatever the commit and the
    machine: the source's hash, which changes with every detail of the harness, is no part of it. One seed twice is no
    repetition: the second opens an entry of its own.
    """
    by_key: dict[tuple[str, int], list[Result]] = {}
    # What was made together stays together.
    for result in sorted(results, key=lambda result: (result.record.commit, result.record.environment_id)):
        shared, copy = _training(result.record), 0
        while result.record.seed in [other.record.seed for other in by_key.get((shared, copy), [])]:
            copy += 1
        by_key.setdefault((shared, copy), []).append(result)
    entries = [Entry(sorted(same, key=lambda result: result.record.seed)) for same in by_key.values()]
    labels = [entry.label for entry in entries]
    distinct = [entry if labels.count(entry.label) == 1 else replace(entry, ambiguous=True) for entry in entries]
    return sorted(distinct, key=_position)


def counted(count: int, name: str) -> str:
    """``1 seed``, ``3 seeds``."""
    return f"{count} {name}{'s' if count != 1 else ''}"


def timing_machine(record: Record) -> str:
    """Names where and with how many threads times were taken: times of two machines do not compare."""
    timing = record.details.get("timing") or {}
    environment = timing.get("environment") or record.environment_id
    return json.dumps([environment, record.device, record.threads], sort_keys=True, default=str)


def _position(entry: Entry) -> tuple:
    method, point = entry.record.method, entry.record.point
    rank = -1 if method == "dense" else FAMILIES.index(entry.family)
    return rank, method, -(1.0 if point is None else point), not entry.valid, entry.results[0].job


def _training(record: Record) -> str:
    """All that determines a result but the seed, and whether the result may be trusted."""
    # What is off, and options that older records do not know, are the same.
    config = {name: value for name, value in (record.details.get("config") or {}).items() if value}
    for name in ("seed", "source", "method_version", "network"):
        config.pop(name, None)
    if config.pop("start_job", None) or record.details.get("start_record"):
        config.pop("start", None)  # Each seed starts from the dense network of its own.
    if config.get("members"):  # Each seed has networks of its own; what they are must agree.
        parts = record.details.get("members") or []
        config["members"] = [[one.get(name) for name in ("method", "point", "stage_epochs")] for one in parts]
    if config.get("tuned"):
        config["network"] = (record.details.get("tuned_from") or {}).get("point")
    shared = [record.method, record.method_version, record.point, record.stage_epochs, record.precision]
    return json.dumps([*shared, is_sound(record), config], sort_keys=True, default=str)


def _per_block(samples: pd.DataFrame, prefix: str) -> pd.DataFrame:
    names = [name for name in samples.columns if name.startswith(prefix)]
    names.sort(key=lambda name: (len(name), name))
    return samples[names].rename(columns=lambda name: name.removeprefix(prefix))
