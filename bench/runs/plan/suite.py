"""What one wants to have measured, as a list of jobs."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.choices import BUDGETS, PRECISIONS
from bench.data import own_normalisation
from bench.data.recorded import data_options
from bench.errors import BadInput
from bench.methods.identity import source_hash
from bench.methods.interface import Method
from bench.methods.registry import load_method, method_id
from bench.networks.backbones import build_backbone
from bench.records import MODEL_FILE, Record
from bench.records.regression import SAME_POINT
from bench.runs.plan.defaults import defaults_for
from bench.runs.plan.jobs import LEARNING_RATE_FACTORS, Job, distinct
from bench.system.files import file_hash
from bench.system.validation import is_of, shown

MOST_JOBS, MOST_EPOCHS = 100_000, 1_000_000
"""More are taken for a mistake."""
POINT_DIGITS = 9
"""Decimals of an operating point: 0.3 and 0.30000000000000004 are one."""
LISTS = ("methods", "points", "seeds", "mean", "std")
SHARED = ("dataset", "backbone_weights", "mean", "std")
"""What all parts of a suite have in common, since images are read once."""


UNTRAINED = {
    "batch_size": 0,
    "micro_batch": 0,
    "train_size": 0,
    "distillation": 0.0,
    "label_smoothing": 0.0,
    "trials": 1,
    "precision": "float32",
}
"""Options of training in a job that does not train, whose id they must not change."""
TRAINING = tuple(name for name in UNTRAINED if name != "distillation")


@dataclass(frozen=True)
class Suite:
    """A set of records that belong into one table; the same words as the options of ``bench run``."""

    methods: tuple[str, ...]
    dataset: str = "digits"
    backbone: str | None = None
    points: tuple[float, ...] | None = None
    seeds: tuple[int, ...] = (0,)
    epochs: int | None = None
    backbone_epochs: int | None = None
    budget: str = "quick"
    backbone_weights: str | None = None
    distillation: float = 0.5
    label_smoothing: float = 0.0
    trials: int = 1
    precision: str = "float32"
    batch_size: int | None = None
    micro_batch: int | None = None
    train_size: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def check_suite(suite: Suite) -> Suite:
    """The suite, with defaults filled in, and each thing by its one name.

    Raises:
        BadInput: any value that no job could be made of.
    """
    suite = _with_defaults(suite)
    _check_lists(suite)
    _check_numbers(suite)
    _check_normalisation(suite)
    if trains(suite):
        _check_batches(suite)
    _check_train_size(suite)
    start = suite.backbone_weights
    _require(
        start is None or (isinstance(start, str) and start), f"backbone_weights must be a file, not {shown(start)}"
    )
    _require(isinstance(suite.backbone, str), f"backbone must be a name, not {shown(suite.backbone)}")
    backbone = build_backbone(suite.backbone, classes=10, dataset=suite.dataset)
    if suite.mean:
        suite = replace(suite, mean=tuple(map(float, suite.mean)), std=tuple(map(float, suite.std)))
    if (suite.mean, suite.std) == own_normalisation(suite.dataset, suite.backbone):
        suite = replace(suite, mean=None, std=None)
    suite = replace(
        suite,
        backbone=backbone.name,
        methods=tuple(dict.fromkeys(map(method_id, suite.methods))),
        points=tuple(dict.fromkeys(round(float(point), POINT_DIGITS) for point in suite.points)),
        seeds=tuple(dict.fromkeys(suite.seeds)),
    )
    for name in suite.methods:
        method = load_method(name)
        if backbone.has_groups:  # Told before the backbone has been trained for days.
            method.build(copy.deepcopy(backbone), max(suite.points) if method.has_points else None)
    return suite


def trains(suite: Suite) -> bool:
    """Whether any of its jobs trains."""
    return bool(_epochs(suite) or _dense_epochs(suite))


def _with_defaults(suite: Suite) -> Suite:
    _require(isinstance(suite.dataset, str), f"dataset must be a name, not {shown(suite.dataset)}")
    defaults = defaults_for(suite.dataset)
    budgets = f"budget must be one of {', '.join(BUDGETS)}, not {shown(suite.budget)}"
    _require(isinstance(suite.budget, str) and suite.budget in BUDGETS, budgets)
    sizes = {name: getattr(suite, name) for name in ("batch_size", "micro_batch", "train_size")}
    return replace(
        suite,
        backbone=suite.backbone or defaults.backbone,
        points=defaults.points if suite.points is None else suite.points,
        **{name: getattr(defaults, name)[suite.budget] for name, given in sizes.items() if given is None},
    )


def _check_lists(suite: Suite) -> None:
    for name, kind, words in (("methods", str, "names"), ("points", float, "numbers"), ("seeds", int, "whole numbers")):
        values = getattr(suite, name)
        is_list = isinstance(values, Sequence) and not isinstance(values, str)
        _require(is_list and len(values) > 0, f"{name} must be a list of {words}, not {shown(values)}")
        for value in values:
            _require(is_of(value, kind), f"{name} must be {words}, not {shown(value)}")
    for point in suite.points:
        _require(0 < point <= 1, f"an operating point is a fraction of the dense MACs in (0, 1], not {point:g}")
    jobs = len(suite.methods) * len(suite.points) * len(suite.seeds)
    _require(jobs <= MOST_JOBS, f"a suite has at most {MOST_JOBS} jobs, not {jobs}")


def _check_numbers(suite: Suite) -> None:
    most = {"epochs": MOST_EPOCHS, "backbone_epochs": MOST_EPOCHS, "trials": len(LEARNING_RATE_FACTORS)}
    for name, highest in most.items():
        value, lowest = getattr(suite, name), int(name == "trials")
        is_count = (value is None and lowest == 0) or (is_of(value, int) and lowest <= value <= highest)
        _require(is_count, f"{name} must be a whole number from {lowest} to {highest}, not {shown(value)}")
    for name in ("distillation", "label_smoothing"):
        value = getattr(suite, name)
        _require(is_of(value, float) and 0 <= value <= 1, f"{name} must be a number from 0 to 1, not {shown(value)}")
    for name in ("batch_size", "micro_batch", "train_size"):
        value, lowest = getattr(suite, name), int(name == "batch_size")
        wrong = f"{name} must be a whole number, {lowest} or more, not {shown(value)}"
        _require(is_of(value, int) and value >= lowest, wrong)
    wrong = f"precision must be one of {', '.join(PRECISIONS)}, not {shown(suite.precision)}"
    _require(isinstance(suite.precision, str) and suite.precision in PRECISIONS, wrong)


def _check_normalisation(suite: Suite) -> None:
    given = {"mean": suite.mean, "std": suite.std}
    if suite.mean is None and suite.std is None:
        return
    for name, values in given.items():
        is_whole = values is not None and is_of(values, tuple[float, ...]) and len(values) == 3
        _require(is_whole, f"{name} must be three numbers (mean and std belong together), not {shown(values)}")
    is_scaled = all(0 <= value <= 1 for value in suite.mean) and all(0 < value <= 1 for value in suite.std)
    _require(is_scaled, f"mean and std are of pixels from 0 to 1, not {list(suite.mean)} and {list(suite.std)}")


def _check_batches(suite: Suite) -> None:
    batch, micro = suite.batch_size, suite.micro_batch
    _require(not micro or batch % micro == 0, f"batch_size {batch} is no multiple of micro_batch {micro}")
    together = "micro_batch" if micro else "batch_size"
    _require(
        (micro or batch) > 1, f"{together} must be 2 or more: batch norm trains on the statistics of several images"
    )


def _check_train_size(suite: Suite) -> None:
    on_files = suite.dataset == "imagenet"
    _require(on_files or not suite.train_size, f"train_size is for imagenet: images of {suite.dataset} have one size")
    is_known = not on_files or suite.train_size in (0, *range(32, 1025))
    _require(is_known, f"train_size must be from 32 to 1024 pixels, not {suite.train_size}")


def _require(condition: object, message: str) -> None:
    if not condition:
        raise BadInput(message)


def plan_all(suites: Sequence[Suite]) -> list[Job]:
    """The jobs of several suites, those that they share once."""
    return distinct(job for suite in suites for job in plan(suite))


def asked_for(suites: Sequence[Suite]) -> list[Job]:
    """Those of the jobs of ``suites`` whose methods they name; a dense job may be there for others alone."""
    return distinct(job for suite in suites for job in plan(suite) if job.method in suite.methods)


def plan(suite: Suite) -> list[Job]:
    """The jobs of a suite, each behind the one it starts from.

    Methods start from ``backbone_weights`` where given, else from the suite's own dense backbone of the same seed. A
    dense job is always among them: with given weights and ``dense`` not asked for, it only evaluates them.
    """
    methods = {name: load_method(name) for name in dict.fromkeys(("dense", *suite.methods))}
    sources = {name: method_source(method) for name, method in methods.items()}
    start = file_hash(Path(suite.backbone_weights)) if suite.backbone_weights else ""
    jobs = []
    for seed in suite.seeds:
        dense = _dense_job(suite, seed, start, sources["dense"])
        jobs.append(dense)
        from_ = {"start": start, "start_job": "" if start else dense.id}
        for name, method in methods.items():
            if name != "dense":
                points = suite.points if method.has_points else (None,)
                rest = {"epochs": _epochs(suite), "distillation": suite.distillation, **from_, **sources[name]}
                jobs.extend(_job(suite, name, point, seed, **rest) for point in points)
    return jobs


def method_source(method: Method) -> dict[str, Any]:
    """What of a job comes from its method."""
    return {"source": source_hash(method), "method_version": method.info.version}


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
    build_backbone(record.backbone, classes=10)
    known = record.details.get("files", {}).get(MODEL_FILE, {}).get("sha256")
    _require(isinstance(known, str), f"the record of {record.method} does not name its network's file")
    read = data_options(record)
    return Job(
        method=record.method,
        dataset=record.dataset,
        backbone=record.backbone,
        point=record.point,
        seed=record.seed,
        epochs=0,
        network=known,
        mean=read.mean,
        std=read.std,
        **UNTRAINED,
        **method_source(load_method(record.method)),
    )


def tuned_job(record: Record, value: float, unit: str) -> Job:
    """The job that moves the thresholds of a trained network to a budget and measures it.

    Args:
        unit: ``macs`` or ``ms``.

    Raises:
        BadInput: as :func:`pretrained_job`.
    """
    point = float(value) if unit == "macs" else None
    return replace(pretrained_job(record), point=point, tuned=f"{value:g} {unit}")


def _dense_job(suite: Suite, seed: int, start: str, source: dict[str, Any]) -> Job:
    epochs = _dense_epochs(suite)
    # From its initialisation there is no dense network yet that it could learn from.
    distillation = suite.distillation if start else 0.0
    return _job(suite, "dense", None, seed, epochs=epochs, distillation=distillation, start=start, **source)


def _job(suite: Suite, name: str, point: float | None, seed: int, epochs: int, distillation: float, **rest: Any) -> Job:
    """A job; what is about training counts only where it trains."""
    training = {name: getattr(suite, name) for name in TRAINING} | {"distillation": float(distillation)}
    if rest.get("start") or rest.get("start_job"):
        training["fine_tuning_lr"] = defaults_for(suite.dataset).fine_tuning_lr[suite.budget]
    return Job(
        method=name,
        dataset=suite.dataset,
        backbone=suite.backbone,
        point=None if point is None else float(point),
        seed=seed,
        epochs=epochs,
        mean=suite.mean or (),
        std=suite.std or (),
        **(training if epochs else UNTRAINED),
        **rest,
    )


def _epochs(suite: Suite) -> int:
    return defaults_for(suite.dataset).epochs[suite.budget] if suite.epochs is None else suite.epochs


def _dense_epochs(suite: Suite) -> int:
    if suite.backbone_weights:
        return _epochs(suite) if "dense" in suite.methods else 0
    given = suite.epochs if suite.backbone_epochs is None else suite.backbone_epochs
    return defaults_for(suite.dataset).backbone_epochs[suite.budget] if given is None else given
