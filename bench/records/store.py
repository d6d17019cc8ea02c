"""Records in files: written, read and found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bench.errors import BadInput
from bench.records.migrations import upgraded
from bench.records.record import SCHEMA_VERSION, Record
from bench.records.samples import SAMPLES_FILE
from bench.records.validity import is_claimed
from bench.system.files import file_hash, write_atomically
from bench.system.validation import is_of, of_declared_kinds

RECORD_FILE, MODEL_FILE, TRAINING_FILE = "record.json", "model.safetensors", "train.csv"


def write_record(folder: Path, record: Record) -> Record:
    """Writes ``record.json``; a job is done exactly when this file exists, so it is written last and by rename.

    It names size and hash of what else determines tables and later jobs, so that damage shows.

    Returns:
        The record as written.
    """
    files = {
        name: {"bytes": (folder / name).stat().st_size, "sha256": file_hash(folder / name)}
        for name in (SAMPLES_FILE, MODEL_FILE)
        if (folder / name).exists()
    }
    record = replace(record, details=record.details | {"files": files})
    text = json.dumps(asdict(record), indent=1, allow_nan=False)
    write_atomically(folder / RECORD_FILE, lambda path: path.write_text(text + "\n"))
    return record


def has_whole_record(folder: Path) -> bool:
    """Whether a job has its record, and the files that this names are as long as it says.

    What was cut short, as after a power cut, is as good as not there. Whether a whole record can be understood is left
    to ``read_record``.
    """
    try:
        values = json.loads((folder / RECORD_FILE).read_text())
        files = values["details"]["files"]
        return all((folder / name).stat().st_size == known["bytes"] for name, known in files.items())
    except (OSError, ValueError, RecursionError):
        return False
    except (KeyError, TypeError, AttributeError):
        return True


def read_record(folder: Path) -> Record:
    """Reads the record of one job's folder; one of an older layout as it would be today.

    Raises:
        BadInput: missing, no JSON, a schema version that nothing leads from, or fields missing or of another kind.
    """
    path = folder / RECORD_FILE
    try:
        values = json.loads(path.read_text())
        json.dumps(values, allow_nan=False, ensure_ascii=False).encode()  # what no report could hold
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot read record {path}: {error}") from error
    values = values if isinstance(values, dict) else {}
    current = upgraded(values)
    if current is None:
        version = values.get("schema_version")
        raise BadInput(f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}")
    try:
        return _checked(of_declared_kinds(Record(**current)))
    except TypeError as error:
        raise BadInput(f"{path} is no record: {error}") from error


def find_records(folders: Iterable[Path]) -> dict[Path, Record]:
    """All records below the given folders, by the folder of their job, in the order of their names.

    Raises:
        BadInput: a folder that does not exist, or a record that cannot be read.
    """
    found: dict[Path, Record] = {}
    for root in folders:
        if not root.is_dir():
            raise BadInput(f"no folder {root}")
        for path in sorted(root.rglob(RECORD_FILE)):
            found[path.parent] = read_record(path.parent)
    return found


def finished_jobs(out: Path) -> list[Path]:
    """Folders of the jobs in a folder of runs whose records are whole, by name; what lies deeper is of other runs."""
    return [path.parent for path in sorted(out.glob(f"*/{RECORD_FILE}")) if has_whole_record(path.parent)]


def require_recorded_file(folder: Path, name: str, record: Record) -> None:
    """Raises BadInput where a file of a job's folder is not the one that its record was written with."""
    files = record.details.get("files")
    known = files.get(name) if isinstance(files, Mapping) else None
    # Records from before files were named in them are taken as they are.
    if known is not None and (not isinstance(known, Mapping) or known.get("sha256") != file_hash(folder / name)):
        raise BadInput(f"{folder / name} is not the file that its record was written with")


_DETAILS: dict[str, Any] = {
    "environment": dict[str, Any],
    "constraints": str,
    "config": dict[str, Any],
    "data": dict[str, Any],
    "placement": dict[str, Any],
    "files": dict[str, dict],
    "shipped": dict[str, Any],
    "members": list[dict],
    "calibration": dict[str, Any],
    "stopping": dict[str, Any],
    "tuned_from": dict[str, Any],
    "quantised_from": dict[str, Any],
    "quantised": dict[str, Any],
    "timing": dict[str, Any],
    "warnings": list[str],
    "start": str,
    "claimed": dict[str, Any],
}


def _checked(record: Record) -> Record:
    """Raises TypeError where a record says what no run measures, or its details are not of their kinds."""
    for name, kind in _DETAILS.items():
        if name in record.details and not is_of(record.details[name], kind):
            raise TypeError(f"{name} in details is not of its kind")
    if not is_of(record.details.get("environment", {}).get("packages", {}), dict[str, Any]):
        raise TypeError("packages in details is not of its kind")
    if not is_of(record.details.get("data", {}).get("fingerprint"), str | None):
        raise TypeError("fingerprint in details is not of its kind")
    if not is_claimed(record) and None in (record.gate_macs_mean, record.params, record.threads):
        raise TypeError("only what is claimed elsewhere may lack gate_macs_mean, params or threads")
    if not (record.n_test > 0 and record.macs_backbone > 0 and record.macs_mean > 0):
        raise TypeError("images, MACs and the backbone's MACs must be more than 0")
    if not 0 <= record.top1_low <= record.top1 <= record.top1_high <= 100:
        raise TypeError(f"top-1 {record.top1:g} and its interval are no percentages in their order")
    return record
