"""Tables of trained networks under conditions that no record knows: shifted images (``shift.csv``), attacked ones.

One row for each network and condition, with where and how it was measured; rewritten whole behind every row, so that
what is measured is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.errors import BadInput
from bench.system.files import write_atomically

_NETWORK = ("job", "method", "dataset", "backbone", "point", "seed")
_MEASURED = ("n_test", "top1", "top1_low", "top1_high", "macs_mean", "macs_std", "macs_p5", "macs_p50", "macs_p95",
             "gate_macs_mean", "macs_fraction")  # fmt: skip
_ORIGIN = ("executor", "device", "machine", "command", "commit", "created_utc", "environment_id")
_WORDS = {*"job method dataset backbone shift source attack attacked arrivals policy asked".split(), *_ORIGIN}


@dataclass(frozen=True)
class Kind:
    """One kind of table.

    Attributes:
        key: what tells its rows apart.
        own: columns that the others do not have.
        measured: columns of records that it has.
    """

    file: str
    key: tuple[str, ...]
    own: tuple[str, ...]
    measured: tuple[str, ...] = _MEASURED

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, in their order."""
        return (*_NETWORK, *self.own, *self.measured, *_ORIGIN)


SHIFTS = Kind(
    "shift.csv",
    ("job", "shift", "severity"),
    ("shift", "severity", "source", "entropy", "dearer", "cheaper", "cost_confidence", "cost_correct", "replayed_top1"),
)
"""Percent of images that became ``dearer`` and ``cheaper`` than they were; Spearman correlations over images of the
change of cost with that of confidence and of correctness; top-1 with the decisions of the images as they were."""
ATTACKS = Kind(
    "attack.csv",
    ("job", "attack", "attacked"),
    ("attack", "attacked", "epsilon", "step", "steps", "restarts", "attack_seed", "moved", "same_prediction",
     "saving_left", "counted", "counted_difference"),
)  # fmt: skip
"""``attacked``: the job that images were changed for. ``moved``: the largest change of a pixel, in levels of 255 as are
``epsilon`` and ``step``. ``same_prediction`` and ``saving_left`` in percent. ``counted``: images that the independent
counter counted, and its largest difference in MACs."""
LOAD = Kind(
    "load.csv",
    ("job", "arrivals", "policy", "asked"),
    ("arrivals", "policy", "asked", "rate", "utilisation", "requests", "restarts", "mean_ms", "p50_ms", "p95_ms",
     "p99_ms", "formula_ms", "file_mean_ms", "file_p50_ms", "file_p95_ms", "file_p99_ms", "service_ms",
     "service_ms_in_run", "service_p99_ms", "service_max_ms", "time_macs", "cold_start_s", "peak_mb", "energy_mj",
     "inference_mb", "limit_ms", "images_above_limit", "above_limit", "predicted_rate", "seconds", "images", "most",
     "window_ms"),
    ("top1", "macs_fraction"),
)  # fmt: skip
"""``asked``: the rate or utilisation as typed. Milliseconds of an answer, and as predicted: the mean by the
Pollaczek-Khinchine ``formula``, from services that were measured ahead; all requests in one ``file``, with the services
that they had. ``time_macs``: Spearman correlation of an image's service with its MACs. ``energy_mj``: millijoules of
an image, of all processors. ``peak_mb``: of the serving process; ``inference_mb``: of it, what came with the network.
Percent of images whose service alone, and of requests whose answer, took longer than ``limit_ms``;
``predicted_rate``: the highest one per second whose p99 keeps it. ``seconds`` of a point, ``images`` in turns; of a
policy: at ``most`` so many together, ``window_ms`` of waiting. ``top1`` and ``macs_fraction`` are the record's."""


def read_conditions(path: Path, kind: Kind) -> pd.DataFrame:
    """The rows of a table; none where there is no file.

    Raises:
        BadInput: a file that holds something else.
    """
    if not path.exists():
        return pd.DataFrame(columns=list(kind.columns))
    try:
        rows = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path}: {error}") from error
    if missing := [name for name in kind.columns if name not in rows]:
        raise BadInput(f"{path} is no table of bench stress: column {missing[0]} is missing")
    wrong = [name for name in kind.columns if name not in _WORDS and rows[name].dtype.kind not in "if"]
    if len(rows) and wrong:
        raise BadInput(f"{path} is no table of bench stress: column {wrong[0]} holds other things than numbers")
    return rows[list(kind.columns)]


def add_condition(path: Path, kind: Kind, row: Mapping[str, Any]) -> None:
    """Adds one row to a table; one of the same key gives way to it.

    Raises:
        BadInput: the table cannot be read or written.
    """
    known = read_conditions(path, kind)
    both = [*known.to_dict("records"), {name: row[name] for name in kind.columns}]
    rows = pd.DataFrame(both, columns=list(kind.columns)).drop_duplicates(list(kind.key), keep="last")
    write_atomically(path, lambda temporary: rows.to_csv(temporary, index=False))


def require_settings(rows: pd.DataFrame, settings: Mapping[str, Any], table: Path) -> None:
    """Raises BadInput where ``rows`` of ``table`` were measured with other settings, by column."""
    for name, value in settings.items():
        if other := sorted(set(rows[name]) - {value}):
            before, now = (f"{one:g}" if isinstance(one, int | float) else one for one in (other[0], value))
            option = "--" + name.replace("_", "-")
            raise BadInput(f"{table} was measured with {option} {before}, not {now}: choose another --out")


def find_conditions(folders: Iterable[Path], kind: Kind, jobs: Sequence[str]) -> pd.DataFrame:
    """The rows about ``jobs`` in all tables of a kind below ``folders``; of equal keys the first."""
    paths = [path for folder in folders for path in sorted(Path(folder).rglob(kind.file))]
    rows = pd.concat([read_conditions(path, kind) for path in paths] or [read_conditions(Path(kind.file), kind)])
    return rows[rows["job"].isin(jobs)].drop_duplicates(list(kind.key)).reset_index(drop=True)
