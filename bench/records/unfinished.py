"""Jobs that were begun and have no record."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.records.store import RECORD_FILE

FAILURE_FILE = "failure.json"
TRACES = (FAILURE_FILE, "checkpoint-*.pt")
"""What a job leaves that failed or was ended."""


def unfinished_jobs(folders: Iterable[Path]) -> list[Path]:
    """Folders of jobs below ``folders`` that failed or were ended, so that no report can show them."""
    begun = {path.parent for folder in folders for trace in TRACES for path in folder.rglob(trace)}
    return sorted(job for job in begun if not (job / RECORD_FILE).exists())
