"""The record: what was measured for one (method, dataset, backbone, operating point, seed), with where and how."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet

from bench.errors import BadInput
from bench.records.validity import time_state
from bench.system.files import file_hash, write_atomically
from bench.system.validation import is_of, of_declared_kinds

SCHEMA_VERSION = 1
RECORD_FILE, SAMPLES_FILE, MODEL_FILE, TRAINING_FILE = (
    "record.json",
    "samples.parquet",
    "model.safetensors",
    "train.csv",
)
MOST_IMAGES = 10_000_000
"""A test set with more is taken for a damaged or hostile file."""


@dataclass(frozen=True)
class Record:
    """One row of ``table.csv``, and what stands behind it.

    MACs are plain numbers, times milliseconds, accuracies percent; unknown is None, never 0. ``details`` holds what
    is no column: ``environment``, ``config`` (all that determines the result), ``data`` (split, fingerprint),
    ``start`` (where the backbone's weights come from), ``warnings``, ``timing``, ``determinism`` and ``files``.
    """

    schema_version: int
    method: str
    dataset: str
    backbone: str
    point: float | None
    seed: int
    stage_epochs: str
    n_test: int
    top1: float
    top1_low: float
    top1_high: float
    macs_mean: float
    macs_std: float
    macs_p5: float
    macs_p50: float
    macs_p95: float
    gate_macs_mean: float
    macs_backbone: float
    macs_fraction: float
    params: int
    execution: str
    device: str
    threads: int
    precision: str
    latency_ms_p50: float | None = None
    latency_ms_p90: float | None = None
    latency_ms_p99: float | None = None
    throughput_ips: float | None = None
    dense_latency_ms_p50: float | None = None
    dense_throughput_ips: float | None = None
    speedup_theoretical: float | None = None
    speedup_latency: float | None = None
    speedup_throughput: float | None = None
    speedup_latency_same_executor: float | None = None
    speedup_throughput_same_executor: float | None = None
    executor: str = "torch"
    reported_top1: float | None = None
    reported_macs: float | None = None
    reported_source: str | None = None
    valid: bool = True
    invalid_reasons: str = ""
    command: str = ""
    commit: str = ""
    created_utc: str = ""
    environment_id: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What to call the data in tables and plots: the data set, or which part of it."""
        data = self.details.get("data")
        return str((data.get("title") if isinstance(data, dict) else "") or self.dataset)

    @property
    def method_version(self) -> int:
        """Version that its authors gave the method; 1 in records from before there were versions."""
        version = (self.details.get("config") or {}).get("method_version")
        return version if is_of(version, int) else 1

    @property
    def skipping_speedup_latency(self) -> float | None:
        """What skipping alone brings: over dense in the same executor; in older records, over its best form."""
        same = self.speedup_latency_same_executor
        return self.speedup_latency if same is None else same

    @property
    def skipping_speedup_throughput(self) -> float | None:
        """As ``skipping_speedup_latency``."""
        same = self.speedup_throughput_same_executor
        return self.speedup_throughput if same is None else same


COLUMNS = (
    "schema_version method dataset backbone point seed stage_epochs n_test top1 top1_low top1_high macs_mean macs_std "
    "macs_p5 macs_p50 macs_p95 gate_macs_mean macs_backbone macs_fraction params latency_ms_p50 latency_ms_p90 "
    "latency_ms_p99 throughput_ips dense_latency_ms_p50 dense_throughput_ips speedup_theoretical speedup_latency "
    "speedup_throughput execution device threads precision reported_top1 reported_macs reported_source valid "
    "invalid_reasons command commit created_utc environment_id "
    "executor speedup_latency_same_executor speedup_throughput_same_executor"
).split()
"""Fields that are columns of ``table.csv``, in the order of the contract; ours, which it does not name, come last."""
TABLE_COLUMNS = (*COLUMNS, "time_state")
"""Columns of ``table.csv``: behind the fields what follows from them. Tables from before may lack these."""


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
    """Reads the record of one job's folder.

    Raises:
        BadInput: missing, no JSON, another schema version, or fields missing or of another kind.
    """
    path = folder / RECORD_FILE
    try:
        values = json.loads(path.read_text())
        json.dumps(values, allow_nan=False, ensure_ascii=False).encode()  # what no report could hold
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot read record {path}: {error}") from error
    if not isinstance(values, dict) or values.get("schema_version") != SCHEMA_VERSION:
        version = values.get("schema_version") if isinstance(values, dict) else None
        raise BadInput(f"{path} has schema version {version}, this program reads {SCHEMA_VERSION}")
    try:
        return _checked(of_declared_kinds(Record(**values)))
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


def require_recorded_file(folder: Path, name: str, record: Record) -> None:
    """Raises BadInput where a file of a job's folder is not the one that its record was written with."""
    files = record.details.get("files")
    known = files.get(name) if isinstance(files, Mapping) else None
    # Records from before files were named in them are taken as they are.
    if known is not None and (not isinstance(known, Mapping) or known.get("sha256") != file_hash(folder / name)):
        raise BadInput(f"{folder / name} is not the file that its record was written with")


def finished_jobs(out: Path) -> list[Path]:
    """Folders of the jobs in a folder of runs whose records are whole, by name; what lies deeper is of other runs."""
    return [path.parent for path in sorted(out.glob(f"*/{RECORD_FILE}")) if has_whole_record(path.parent)]


def read_samples(folder: Path) -> pd.DataFrame:
    """The per-image outcomes of one job: ``samples.parquet``.

    Raises:
        BadInput: missing, unreadable, or not what a run writes.
    """
    path = folder / SAMPLES_FILE
    try:
        rows = pyarrow.parquet.read_metadata(path).num_rows
        if not 0 < rows <= MOST_IMAGES:  # a small file may claim any number
            raise ValueError(f"{rows:,} rows")
        samples = pd.read_parquet(path)
    except Exception as error:  # pyarrow reports damage by many exception types
        raise BadInput(f"cannot read {path}: {str(error).strip().partition(chr(10))[0]}") from error
    if wrong := _wrong_column(samples):
        raise BadInput(f"{path} is no table of images: {wrong}")
    return samples


_COLUMNS = {
    "index": "i",
    "label": "i",
    "prediction": "i",
    "correct": "b",
    "confidence": "f",
    "macs": "i",
    "gate_macs": "i",
}
"""Columns of ``samples.parquet`` and the kinds of their values; those that only some networks have follow:
``executed_<block>``, ``kept_<block>``, ``exit``, ``macs_<member>``."""
_MORE_COLUMNS = re.compile(r"exit|(executed|kept|macs)_\d{1,4}")


def _wrong_column(samples: pd.DataFrame) -> str:
    """What is wrong with the outcomes of images; empty where nothing is."""
    more = {name: "f" if name.startswith("kept") else "i" for name in samples if _MORE_COLUMNS.fullmatch(str(name))}
    for name, kind in (_COLUMNS | more).items():
        if name not in samples:
            return f"column {name} is missing"
        values = samples[name]
        if values.dtype.kind != kind or not np.isfinite(values).all():
            return f"column {name} holds other things than {_KINDS[kind]}"
        if kind == "i" and (values < 0).any():
            return f"column {name} has values below 0"
    if samples["index"].duplicated().any():
        return "an image stands in it twice"
    if (samples["correct"] != (samples["prediction"] == samples["label"])).any():
        return "an image is correct or wrong against its own prediction and label"
    return ""


_KINDS = {"i": "whole numbers", "f": "finite numbers", "b": "true and false"}


def table(records: Iterable[Record]) -> pd.DataFrame:
    """Records as the rows of ``table.csv``: the contract's columns, unknown values empty.

    ``dataset`` says which part of a data set it is: a row must not be taken for one about the whole. ``valid`` is also
    true of records without times: ``time_state`` tells.
    """

    def row(record: Record) -> dict:
        fields = {name: getattr(record, name) for name in COLUMNS}
        return fields | {"dataset": record.title, "time_state": time_state(record)}

    return pd.DataFrame([row(record) for record in records], columns=TABLE_COLUMNS)


_DETAILS: dict[str, Any] = {
    "environment": dict[str, Any],
    "config": dict[str, Any],
    "data": dict[str, Any],
    "placement": dict[str, Any],
    "files": dict[str, dict],
    "shipped": dict[str, Any],
    "members": list[dict],
    "calibration": dict[str, Any],
    "stopping": dict[str, Any],
    "tuned_from": dict[str, Any],
    "timing": dict[str, Any],
    "warnings": list[str],
    "start": str,
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
    if not (record.n_test > 0 and record.macs_backbone > 0 and record.macs_mean > 0):
        raise TypeError("images, MACs and the backbone's MACs must be more than 0")
    if not 0 <= record.top1_low <= record.top1 <= record.top1_high <= 100:
        raise TypeError(f"top-1 {record.top1:g} and its interval are no percentages in their order")
    return record
