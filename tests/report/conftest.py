"""Folders of synthetic runs, and the whole report over them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from synthetic import Runs, fill

from bench.choices import FORMATS
from bench.report import write_report


@dataclass(frozen=True)
class Written:
    """A report on disk; ``cpu_s``: processor time it took, in seconds."""

    folder: Path
    files: list[Path]
    cpu_s: float


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    folder = tmp_path / "runs"
    folder.mkdir()
    return Runs(folder)


@pytest.fixture(scope="session")
def full_runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return fill(Runs(tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="session")
def full_report(full_runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """All formats, over ten methods on two data sets."""
    folder, start = tmp_path_factory.mktemp("report"), time.process_time()
    files = write_report([full_runs.folder], folder, FORMATS)
    return Written(folder, files, time.process_time() - start)
