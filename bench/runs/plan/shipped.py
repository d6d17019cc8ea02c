"""Shipped networks to measure as they are: the choice among them, and their jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.data.recorded import data_options
from bench.errors import BadInput
from bench.methods.registry import load_method
from bench.networks.backbones import build_backbone
from bench.recipe import UNTRAINED
from bench.records import MODEL_FILE, Record
from bench.records.regression import SAME_POINT
from bench.runs.plan.jobs import Job
from bench.runs.plan.planning import job_source

FILTERS = {"methods": "method", "dataset": "dataset", "backbone": "backbone", "points": "point", "seeds": "seed"}
"""Options that choose among shipped networks, and the field of a record that each compares."""


def choose_shipped(shipped: Mapping[Path, Record], options: Mapping[str, Any]) -> dict[Path, Record]:
    """The shipped networks that ``options`` name; a network without an operating point meets all points.

    Args:
        options: of ``bench run``, as given.

    Raises:
        BadInput: an option that is about training, a value that no network has, networks whose images are read
            differently, or none left.
    """
    if senseless := [name for name in options if name not in FILTERS]:
        option = senseless[0].replace("_", "-")
        raise BadInput(f"--pretrained measures networks as they are: leave out --{option}")
    wanted = {name: value if isinstance(value, tuple) else (value,) for name, value in options.items()}
    found = {
        folder: record
        for folder, record in shipped.items()
        if all(_has(record, name, value) for name, value in wanted.items())
    }
    if not found:
        raise BadInput(f"none of the {len(shipped)} shipped networks is of that kind")
    for name, values in wanted.items():
        if unmet := _unmet(name, values, found.values()):
            raise BadInput(f"none of the {len(found)} shipped networks of that kind has --{name} {unmet[0]}")
    if len(datasets := sorted({record.dataset for record in found.values()})) > 1:
        raise BadInput(f"there are shipped networks for {', '.join(datasets)}: choose with --dataset")
    if len({data_options(record) for record in found.values()}) > 1:
        raise BadInput("the shipped networks of that kind read their images differently: choose with --backbone")
    return found


def _has(record: Record, option: str, values: tuple) -> bool:
    """Whether a record has one of the values of an option, or none at all."""
    known = getattr(record, FILTERS[option])
    if isinstance(known, float):
        return any(abs(known - value) <= SAME_POINT for value in values)
    return known is None or known in values


def _unmet(option: str, values: tuple, records: Iterable[Record]) -> list:
    """The values of an option that none of the records has, of those records to which the option applies."""
    concerned = [record for record in records if getattr(record, FILTERS[option]) is not None]
    return [value for value in values if concerned and not any(_has(one, option, (value,)) for one in concerned)]


def pretrained_job(record: Record) -> Job:
    """The job that measures the shipped network of ``record`` without training.

    Raises:
        BadInput: a method, data set or backbone that is not known here, or a record that names no network.
    """
    build_backbone(record.backbone, classes=10, dataset=record.dataset)
    known = record.details.get("files", {}).get(MODEL_FILE, {}).get("sha256")
    if not isinstance(known, str):
        raise BadInput(f"the record of {record.method} does not name its network's file")
    read = data_options(record)
    return Job(
        method=record.method,
        dataset=record.dataset,
        backbone=record.backbone,
        point=record.point,
        seed=record.seed,
        network=known,
        mean=read.mean,
        std=read.std,
        **UNTRAINED,
        **job_source(load_method(record.method), record.dataset, record.backbone),
    )


def quantised_job(record: Record) -> Job:
    """The job that quantises a trained network to int8 and measures it; raises as :func:`pretrained_job`."""
    return replace(pretrained_job(record), quantised="int8")


def tuned_job(record: Record, value: float, unit: str) -> Job:
    """The job that moves the thresholds of a trained network to a budget and measures it.

    Args:
        unit: ``macs`` or ``ms``.

    Raises:
        BadInput: as :func:`pretrained_job`.
    """
    point = float(value) if unit == "macs" else None
    return replace(pretrained_job(record), point=point, tuned=f"{value:g} {unit}")
