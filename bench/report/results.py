"""Records with their images, arranged as tables and plots need them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bench.choices import INFERENCE_PRECISIONS
from bench.errors import BadInput
from bench.records import SAMPLES_FILE, Record, find_records, read_samples, require_recorded_file
from bench.records.curves import read_curve
from bench.records.merge import find_jobs
from bench.records.times import read_times
from bench.report.entries import Entry, Result, pool, timing_machine

FLOAT32 = "float32"


@dataclass(frozen=True, eq=False)
class Group:
    """Everything measured on one data set with one backbone in one precision: one table, one set of plots.

    Networks in int8 stand beside what they were quantised from.
    """

    dataset: str
    backbone: str
    entries: Sequence[Entry]
    precision: str = FLOAT32

    @property
    def title(self) -> str:
        """The data set, or which part of it: what was measured on a part is never shown under the name of the whole."""
        return self.entries[0].record.title

    @property
    def name(self) -> str:
        return f"{self.title} / {self.backbone}{f', {self.precision}' * (self.precision != FLOAT32)}"

    @property
    def slug(self) -> str:
        """The name as part of a file name: letters, digits, dots, dashes."""
        name = f"{self.dataset}-{self.backbone}{f'-{self.precision}' * (self.precision != FLOAT32)}"
        return "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in name)

    @property
    def results(self) -> list[Result]:
        return [result for entry in self.entries for result in entry.results]

    @cached_property
    def timed(self) -> dict[str, list[Entry]]:
        """Timed entries by machine: A, B and so on, who timed most first; a single machine has the empty name."""
        found: dict[str, list[Entry]] = {}
        for part in (part for entry in self.entries for part in entry.timed):
            found.setdefault(timing_machine(part.record), []).append(part)
        machines = sorted(found, key=lambda machine: (-len(found[machine]), machine))
        names = [""] if len(machines) == 1 else [chr(ord("A") + place) for place in range(len(machines))]
        return {
            name: [replace(part, machine=name) for part in found[machine]] for name, machine in zip(names, machines)
        }

    @property
    def dense(self) -> Entry | None:
        """The valid dense backbone to compare with, if it was measured."""
        return next((entry for entry in self.entries if entry.record.method == "dense" and entry.valid), None)


def load_groups(folders: Iterable[Path]) -> list[Group]:
    """All records below ``folders`` with their images, one group per data set, backbone and precision.

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
    keys = sorted({_group(result) for result in results}, key=lambda key: (*key[:2], key[2] != FLOAT32, key[2]))
    return [Group(*key[:2], pool(one for one in results if _group(one) == key), key[2]) for key in keys]


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
    return Result(folder.name, record, samples, read_curve(folder), read_times(folder, len(samples)))


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


def _group(result: Result) -> tuple[str, str, str]:
    record = result.record
    # What is in int8, or of an unknown precision, stands beside float32.
    return record.dataset, record.backbone, record.precision if record.precision in INFERENCE_PRECISIONS else FLOAT32


def _images(result: Result) -> tuple:
    data = result.record.details.get("data") or {}
    known = (data.get("fingerprint"), data.get("split")) if isinstance(data, dict) else (data,)
    images = result.samples.sort_values("index")[["index", "label"]]
    return *known, images.to_numpy().tobytes()
