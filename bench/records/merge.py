"""Brings records together that were made in different folders."""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import BadInput
from bench.records import MODEL_FILE, RECORD_FILE, SAMPLES_FILE, find_records
from bench.system.files import write_atomically

RESULT_FILES = (SAMPLES_FILE, MODEL_FILE)
"""Two records of one job agree when these files do; what else differs is when, where and how fast it was made."""


@dataclass
class Merge:
    """What became of the jobs: their ids.

    Attributes:
        kept: already there with the same results; the one that was there first stays.
        conflicts: already there with other results; nothing was overwritten. The folder that disagrees, by id.
    """

    copied: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    conflicts: dict[str, Path] = field(default_factory=dict)


def merge(sources: Iterable[Path], out: Path) -> Merge:
    """Copies every finished job below ``sources`` into ``out``, unless it is there.

    Raises:
        BadInput: a source that does not exist, a record that cannot be read, or ``out`` that cannot be written.
    """
    result = Merge()
    for folder in find_records(sources):
        target = out / folder.name
        if not (target / RECORD_FILE).exists():
            _copy(folder, target)
            result.copied.append(folder.name)
        elif target.resolve() == folder.resolve() or _agree(folder, target):
            result.kept.append(folder.name)
        else:
            result.conflicts[folder.name] = folder
    return result


def _agree(folder: Path, other: Path) -> bool:
    try:
        return all(filecmp.cmp(folder / name, other / name, shallow=False) for name in RESULT_FILES)
    except OSError:
        return False  # One of them lacks a file.


def _copy(folder: Path, target: Path) -> None:
    """The record comes last: a job is done exactly when it is there."""
    try:
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns(RECORD_FILE), dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise BadInput(f"cannot copy {folder} to {target}: {error}") from error
    write_atomically(target / RECORD_FILE, lambda path: shutil.copyfile(folder / RECORD_FILE, path))
