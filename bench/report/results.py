"""Records with their images, arranged as tables and plots need them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.errors import BadInput
from bench.records import SAMPLES_FILE, Record, find_records, read_samples, require_recorded_file
from bench.records.merge import find_jobs
from bench.statistics import Interval, bootstrap_mean, student

STATIC_METHODS = ("dense", "slim", "shallow")
"""Plain ResNets: the same computation for every image. What a dynamic network has to beat."""


@dataclass(frozen=True, eq=False)
class Result:
    """One record and the outcome of every test image; ``job`` is the name of its folder."""

    job: str
    record: Record
    samples: pd.DataFrame

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
    """

    results: Sequence[Result]
    ambiguous: bool = False

    @property
    def record(self) -> Record:
        """The first seed's record, for everything that all seeds share."""
        return self.results[0].record

    @property
    def label(self) -> str:
        """Method and operating point, and the job's hash where these are not enough."""
        point = "" if self.record.point is None else f" {self.record.point:g}"
        return self.record.method + point + (f" ({self.results[0].job[-8:]})" if self.ambiguous else "")

    @property
    def is_static(self) -> bool:
        return self.record.method in STATIC_METHODS

    def mean(self, field: str) -> float | None:
        """Mean over seeds of a record's field; None where a seed does not have it."""
        values = [getattr(result.record, field) for result in self.results]
        return None if any(value is None for value in values) else float(np.mean(values))

    @cached_property
    def top1(self) -> Interval:
        """Percent, over seeds with Student's t interval; of a single seed with Wilson's interval over images."""
        if len(self.results) > 1:
            return student([result.record.top1 for result in self.results])
        return Interval(self.record.top1, self.record.top1_low, self.record.top1_high)

    @cached_property
    def macs(self) -> Interval:
        """MACs per image, over seeds with Student's t interval; of a single seed bootstrapped over images."""
        if len(self.results) > 1:
            return student([result.record.macs_mean for result in self.results])
        return bootstrap_mean(self.results[0].samples["macs"])

    @cached_property
    def correct(self) -> pd.Series:
        """For each image (by its index) the share of seeds that classify it correctly."""
        return self._over_seeds("correct")

    @cached_property
    def macs_per_image(self) -> pd.Series:
        """For each image (by its index) its MACs, averaged over seeds."""
        return self._over_seeds("macs")

    def _over_seeds(self, column: str) -> pd.Series:
        series = [result.samples.set_index("index")[column].astype(float) for result in self.results]
        return pd.concat(series, axis=1).mean(axis=1).sort_index()


@dataclass(frozen=True, eq=False)
class Group:
    """Everything measured on one data set with one backbone: one table, one set of plots."""

    dataset: str
    backbone: str
    entries: Sequence[Entry]

    @property
    def title(self) -> str:
        """The data set, or which part of it: what was measured on a part is never shown under the name of the whole."""
        return self.entries[0].record.title

    @property
    def name(self) -> str:
        return f"{self.title} / {self.backbone}"

    @property
    def slug(self) -> str:
        """The name as part of a file name: letters, digits, dots, dashes."""
        return "".join(
            letter if letter.isalnum() or letter in "-." else "-" for letter in f"{self.dataset}-{self.backbone}"
        )

    @property
    def results(self) -> list[Result]:
        return [result for entry in self.entries for result in entry.results]

    @property
    def dense(self) -> Entry | None:
        """The valid dense backbone to compare with, if it was measured."""
        return next((entry for entry in self.entries if entry.record.method == "dense" and entry.record.valid), None)


def load_groups(folders: Iterable[Path]) -> list[Group]:
    """All records below ``folders`` with their images, one group per data set and backbone.

    Raises:
        BadInput: no record at all, an unreadable one, two different ones of one job, or two that were measured on
            different images of one data set.
    """
    found = find_jobs(folders)
    if not found:
        raise BadInput("no records to report on: give the folder that `bench run` wrote (its --out)")
    results = [_result(folder, found[folder]) for folder in sorted(found, key=lambda folder: folder.name)]
    for dataset in {result.record.dataset for result in results}:
        require_same_images([result for result in results if result.record.dataset == dataset])
    names = sorted({(result.record.dataset, result.record.backbone) for result in results})
    return [Group(*name, _entries(result for result in results if _group(result) == name)) for name in names]


def load_result(folder: Path) -> Result:
    """The single record below ``folder``.

    Raises:
        BadInput: none, more than one, or an unreadable one.
    """
    found = find_records([folder])
    if len(found) != 1:
        raise BadInput(f"{folder} holds {len(found)} records: give the folder of a single job")
    return _result(*found.popitem())


def _result(folder: Path, record: Record) -> Result:
    require_recorded_file(folder, SAMPLES_FILE, record)
    samples = read_samples(folder)
    if len(samples) != record.n_test:
        raise BadInput(f"{folder} holds {len(samples)} images, its record is about {record.n_test}")
    return Result(folder.name, record, samples)


def require_same_images(results: Sequence[Result]) -> None:
    """Raises BadInput, naming both, where two results were not measured on the same images."""
    first = results[0]
    for other in results[1:]:
        if first.record.dataset != other.record.dataset:
            raise BadInput(f"{first.job} is about {first.record.dataset}, {other.job} about {other.record.dataset}")
        if _images(first) != _images(other):
            raise BadInput(
                f"{first.job} and {other.job} were measured on different images of {first.record.dataset}: "
                "report on them separately"
            )


def by_method(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Entries of each method, in their order."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.record.method, []).append(entry)
    return found


def middle(entries: Sequence[Entry]) -> Entry:
    """The entry in the middle of a method's operating points, where one has to stand for all."""
    return entries[len(entries) // 2]


def note(details: Mapping[str, Any], topic: str) -> str:
    """The remark that a record keeps about ``topic`` (``start``, ``data``); empty where there is none."""
    value = details.get(topic)
    return str(value.get("note") or "") if isinstance(value, dict) else str(value or "")


def _group(result: Result) -> tuple[str, str]:
    return result.record.dataset, result.record.backbone


def _entries(results: Iterable[Result]) -> list[Entry]:
    by_key: dict[tuple[str, int], list[Result]] = {}
    for result in results:
        shared, copy = _all_but_seed(result.record), 0
        # One seed twice is no repetition: it opens an entry of its own.
        while result.record.seed in [other.record.seed for other in by_key.get((shared, copy), [])]:
            copy += 1
        by_key.setdefault((shared, copy), []).append(result)
    entries = [Entry(sorted(same, key=lambda result: result.record.seed)) for same in by_key.values()]
    labels = [entry.label for entry in entries]
    distinct = [entry if labels.count(entry.label) == 1 else replace(entry, ambiguous=True) for entry in entries]
    return sorted(distinct, key=_position)


def _position(entry: Entry) -> tuple:
    """Plain ResNets first, then method by method, from the dearest operating point to the cheapest."""
    method = entry.record.method
    rank = STATIC_METHODS.index(method) if entry.is_static else len(STATIC_METHODS)
    return rank, method, -(1.0 if entry.record.point is None else entry.record.point), not entry.record.valid


def _all_but_seed(record: Record) -> str:
    shared = "method point stage_epochs execution device threads precision valid environment_id".split()
    config = dict(record.details.get("config") or {})
    config.pop("seed", None)
    if config.pop("start_job", None) or record.details.get("start_record"):
        config.pop("start", None)  # Each seed starts from the dense network of its own.
    if config.get("members"):  # Each seed has networks of its own; what they are must agree.
        parts = record.details.get("members") or []
        config["members"] = [[one.get(name) for name in ("method", "point", "stage_epochs")] for one in parts]
    if config.get("tuned"):
        config["network"] = (record.details.get("tuned_from") or {}).get("point")
    return json.dumps([[getattr(record, name) for name in shared], config], sort_keys=True, default=str)


def _images(result: Result) -> tuple:
    data = result.record.details.get("data") or {}
    known = (data.get("fingerprint"), data.get("split")) if isinstance(data, dict) else (data,)
    images = result.samples.sort_values("index")[["index", "label"]]
    return *known, images.to_numpy().tobytes()


def _per_block(samples: pd.DataFrame, prefix: str) -> pd.DataFrame:
    names = [name for name in samples.columns if name.startswith(prefix)]
    names.sort(key=lambda name: (len(name), name))
    return samples[names].rename(columns=lambda name: name.removeprefix(prefix))
