"""Publishing: rounds trained networks to half precision, measures them as rounded, and keeps them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pandas as pd
from safetensors.torch import save
from torch import Tensor

from bench.data import DataSet, load_data
from bench.data.recorded import data_options, require_same_data
from bench.errors import BadInput
from bench.measurement.stopping import describe_stopping
from bench.records import (
    MODEL_FILE,
    SAMPLES_FILE,
    TRAINING_FILE,
    Record,
    read_samples,
    require_recorded_file,
    table,
    write_record,
)
from bench.records.merge import find_jobs
from bench.records.summary import summarise
from bench.records.validity import is_quantised
from bench.system.files import write_atomically
from bench.zoo.loading import LEFT_OUT, build, find_published, read_weights, remeasure


@dataclass(frozen=True)
class Publication:
    """All finished jobs below one folder, to be published into another.

    Attributes:
        jobs: their records, by their folders.
        out: folder of the shipped networks; ``table_file`` beside it holds the table of all networks in it.
        networks: whether networks are published, not only records and the outcomes of images.
    """

    jobs: dict[Path, Record]
    out: Path
    data_dir: Path | None
    networks: bool = True

    @property
    def table_file(self) -> Path:
        return self.out.parent / f"{self.out.name}.csv"

    def check(self) -> None:
        """Looks for all that can be wrong before anything is measured or written.

        Raises:
            BadInput: the table would overwrite something else, a network is published already with other weights, or
                images or networks are not the recorded ones.
        """
        _require_table(self.table_file)
        for folder, record in self.jobs.items():
            if is_quantised(record):
                raise BadInput(f"{folder.name} is in int8: publish the network it was made from, and quantise that")
            if record.precision != "float32":
                raise BadInput(f"{folder.name} was tested in {record.precision}: publish its record in float32")
            require_same_data(record, self._data(record))
            require_recorded_file(folder, MODEL_FILE, record)
            known = self.out / folder.name / MODEL_FILE
            if known.exists() and not self.networks:
                raise BadInput(f"{known.parent} is published already, with its network")
            if known.exists() and known.read_bytes() != save(_rounded_weights(folder)):
                raise BadInput(f"{known.parent} is published already and is not {folder} rounded: remove it first")

    def publish(self) -> Iterator[tuple[Path, Record]]:
        """Publishes job by job, then writes the table; yields each folder and the record of its rounded network."""
        for folder, record in self.jobs.items():
            if self.networks:
                yield folder, publish(folder, record, self._data(record), self.out)
            else:
                yield folder, publish_bare(folder, record, self.out)
        shipped = table(find_published(self.out).values())
        write_atomically(self.table_file, lambda path: shipped.to_csv(path, index=False))

    def _data(self, record: Record) -> DataSet:
        key = record.dataset, data_options(record)
        if key not in self._loaded:
            self._loaded[key] = load_data(record.dataset, self.data_dir, data_options(record))
        return self._loaded[key]

    @cached_property
    def _loaded(self) -> dict:
        return {}


def plan_publication(runs: Path, out: Path, data_dir: Path | None, networks: bool = True) -> Publication:
    """What publishing the jobs below ``runs`` into ``out`` means.

    Raises:
        BadInput: folders that lie within each other, a target without a name, or no finished job.
    """
    if out.name in ("", ".."):
        raise BadInput(f"--to {out}: give the folder by its name; its table lies beside it, as NAME.csv")
    source, target = runs.resolve(), out.resolve()
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise BadInput(f"{runs} and {out} are or contain each other: rounded networks would replace trained ones")
    jobs = find_jobs([runs])
    if not jobs:
        raise BadInput(f"no finished job in {runs}")
    return Publication(jobs, out, data_dir, networks)


def publish(folder: Path, record: Record, data: DataSet, out: Path) -> Record:
    """Rounds the network of one job, measures it as rounded, and writes it all to ``out/<job-id>/``.

    A network that was published before keeps what it measured before it was first rounded.

    Returns:
        The record of the rounded network.

    Raises:
        BadInput: a network that cannot be read, a data set that is not the recorded one, or a full disk.
    """
    require_same_data(record, data)
    weights = _rounded_weights(folder)
    target = out / folder.name
    target.mkdir(parents=True, exist_ok=True)
    write_atomically(target / MODEL_FILE, lambda path: path.write_bytes(save(weights)))
    network = build(record, weights, len(data.classes))
    samples = remeasure(network, data)
    write_atomically(target / SAMPLES_FILE, lambda path: samples.to_parquet(path, index=False, compression="zstd"))
    _keep_training(folder, target)
    before = record.details.get("shipped", {}).get("before_rounding")
    shipped = {
        "weights": "float16",
        "before_rounding": before or {"top1": record.top1, "macs_mean": record.macs_mean},
    }
    details = record.details | {"shipped": shipped}
    if stopping := describe_stopping(network, samples, data, record.macs_backbone):
        details |= {"stopping": stopping}
    rounded = replace(record, **cast(Any, summarise(samples, record.macs_backbone)), details=details)
    return write_record(target, rounded)


def publish_bare(folder: Path, record: Record, out: Path) -> Record:
    """Writes the record of one job and the outcomes of its images to ``out/<job-id>/``, as they are.

    Raises:
        BadInput: outcomes that are not the recorded ones.
    """
    require_recorded_file(folder, SAMPLES_FILE, record)
    samples, target = read_samples(folder), out / folder.name
    target.mkdir(parents=True, exist_ok=True)
    write_atomically(target / SAMPLES_FILE, lambda path: samples.to_parquet(path, index=False, compression="zstd"))
    _keep_training(folder, target)
    return write_record(target, replace(record, details=record.details | {"shipped": {"weights": LEFT_OUT}}))


def _keep_training(folder: Path, target: Path) -> None:
    """Copies the history of a job's training, where there was one."""
    if (folder / TRAINING_FILE).exists():
        write_atomically(target / TRAINING_FILE, lambda path: shutil.copyfile(folder / TRAINING_FILE, path))


def _rounded_weights(folder: Path) -> dict[str, Tensor]:
    return {name: _rounded(tensor) for name, tensor in read_weights(folder / MODEL_FILE).items()}


def _rounded(tensor: Tensor) -> Tensor:
    """Weights of convolutions and linear layers in half precision; what is small and delicate (statistics of batch
    norms, thresholds, biases) as it is."""
    return tensor.half() if tensor.is_floating_point() and tensor.dim() > 1 else tensor


def _require_table(path: Path) -> None:
    """Raises BadInput where ``path`` is there and no table of records, which must not be overwritten."""
    try:
        found = pd.read_csv(path, nrows=0).columns if path.exists() else table([]).columns
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path}, which the table would replace: {error}") from error
    if missing := [name for name in ("method", "top1", "macs_mean") if name not in found]:
        raise BadInput(f"{path} is no table of records (it has no column {missing[0]}) and would be overwritten")
