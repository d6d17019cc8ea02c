"""Records of one job in several folders: one rule for merging, reporting, publishing and checking.

Two records of one job agree when their results do: the outcome of every image, and the network. What else differs is
when, where and how fast they were made.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import BadInput, Notice
from bench.records import (
    MODEL_FILE,
    RECORD_FILE,
    SAMPLES_FILE,
    Record,
    find_records,
    has_whole_record,
    is_timed,
    read_record,
)
from bench.system.files import file_hash, write_atomically

RESULT_FILES = (SAMPLES_FILE, MODEL_FILE)


@dataclass
class Merge:
    """What became of the jobs: their ids.

    Attributes:
        kept: already there with the same results; the one that was there first stays.
        timed: the same, but only the new one was timed; it took the place of the other.
        conflicts: already there with other results; nothing was overwritten. The folder that disagrees, by id.
        damaged: folders whose files are not as long as their record says; nothing was copied.
    """

    copied: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    timed: list[str] = field(default_factory=list)
    conflicts: dict[str, Path] = field(default_factory=dict)
    damaged: list[Path] = field(default_factory=list)


def find_jobs(folders: Iterable[Path]) -> dict[Path, Record]:
    """All records below ``folders``, each job once: of records that agree the first timed one, else the first.

    Warns of times that are left out, since the same results were timed twice.

    Raises:
        BadInput: two different results of one job, a folder that does not exist, or a record that cannot be read.
    """
    found: dict[str, tuple[Path, Record]] = {}
    for folder, record in find_records(folders).items():
        known = found.setdefault(folder.name, (folder, record))
        if not same_results(known[0], folder):
            raise BadInput(
                f"{known[0]} and {folder} hold different results of one job: leave one of them out, or report on them "
                "separately"
            )
        if is_timed(record) and not is_timed(known[1]):
            found[folder.name] = folder, record
        elif is_timed(record) and record.latency_ms_p50 != known[1].latency_ms_p50:
            warnings.warn(f"{known[0]} and {folder} are one job, timed twice: times of the first", Notice, stacklevel=2)
    return dict(found.values())


def same_results(folder: Path, other: Path) -> bool:
    """Whether two folders of one job hold the same outcomes and the same network, by the hashes of their files."""
    if folder.resolve() == other.resolve():
        return True
    return all(_hash(folder / name) == _hash(other / name) for name in RESULT_FILES)


def merge(sources: Iterable[Path], out: Path) -> Merge:
    """Copies every finished job below ``sources`` into ``out``, unless it is there.

    Raises:
        BadInput: a source that does not exist, a record that cannot be read, or ``out`` that cannot be written.
    """
    result = Merge()
    for folder, record in find_records(sources).items():
        target = out / folder.name
        if not has_whole_record(folder):
            result.damaged.append(folder)
        elif not has_whole_record(target):
            _copy(folder, target)
            result.copied.append(folder.name)
        elif not same_results(folder, target):
            result.conflicts[folder.name] = folder
        elif is_timed(record) and not is_timed(read_record(target)):
            _copy(folder, target)
            result.timed.append(folder.name)
        else:
            result.kept.append(folder.name)
    return result


def _hash(path: Path) -> str:
    """Of a file's content; empty where there is none."""
    return file_hash(path) if path.exists() else ""


def _copy(folder: Path, target: Path) -> None:
    """The record comes last: a job is done exactly when it is there."""
    try:
        (target / RECORD_FILE).unlink(missing_ok=True)  # One that its files do not belong to.
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns(RECORD_FILE), dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise BadInput(f"cannot copy {folder} to {target}: {error}") from error
    write_atomically(target / RECORD_FILE, lambda path: shutil.copyfile(folder / RECORD_FILE, path))
