"""What one wants to have measured, as a list of jobs: from the command line's options or from a suite file."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml

from bench.choices import BUDGETS, PRECISIONS
from bench.data.recorded import data_options
from bench.errors import BadInput
from bench.methods.identity import source_hash
from bench.methods.interface import Method
from bench.methods.registry import load_method, method_id
from bench.networks.backbones import build_backbone
from bench.records import MODEL_FILE, Record
from bench.records.regression import SAME_POINT
from bench.runs.plan.bundled import SUITES, suite_names
from bench.runs.plan.defaults import defaults_for
from bench.runs.plan.jobs import LEARNING_RATE_FACTORS, Job, distinct
from bench.system.files import file_hash
from bench.system.validation import is_of, shown

LARGEST_BYTES = 1_000_000
"""Of a suite file."""
MOST_JOBS, MOST_EPOCHS = 100_000, 1_000_000
"""More are taken for a mistake."""


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


def load_suite(name: str, options: Mapping[str, Any] | None = None) -> list[Suite]:
    """The parts of a suite, by name (``bench list suites``) or from a YAML file: one mapping of options, or a list.

    Args:
        options: override those of the file, in all parts.

    Raises:
        BadInput: no such suite, broken YAML, unknown keys or values of the wrong kind.
    """
    path = SUITES / f"{name}.yaml" if (SUITES / f"{name}.yaml").exists() else Path(name)
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            raise FileNotFoundError(f"{path} is no file of up to {LARGEST_BYTES} bytes")
        text = path.read_text()
    except (OSError, ValueError) as error:
        raise BadInput(f"no suite {name!r}: give a file, or one of {', '.join(suite_names())}") from error
    try:
        values = yaml.safe_load(text)
    except Exception as error:  # PyYAML leaves what values' own constructors raise as it is
        raise BadInput(f"suite {path} is no valid YAML: {' '.join(str(error).split())}") from error
    parts = values if isinstance(values, list) else [values]
    suites = [_suite_from(part, path, options or {}) for part in parts]
    if not suites:
        raise BadInput(f"suite {path} is empty")
    if len({(suite.dataset, suite.backbone_weights) for suite in suites}) > 1:
        raise BadInput(f"the parts of suite {path} must share dataset and backbone_weights")
    if suites[0].dataset == "imagenet" and len({(suite.backbone, suite.train_size) for suite in suites}) > 1:
        raise BadInput(f"the parts of suite {path} must share backbone and train_size, which say how images are read")
    return suites


def _suite_from(values: object, path: Path, options: Mapping[str, Any]) -> Suite:
    if not isinstance(values, dict):
        raise BadInput(f"suite {path} must be a mapping of options, or a list of them")
    known = {declared.name for declared in fields(Suite)}
    if unknown := [str(key) for key in values if key not in known]:
        raise BadInput(f"suite {path} has unknown option {unknown[0]!r}: choose from {', '.join(sorted(known))}")
    lists = {"methods", "points", "seeds"}
    given = {key: tuple(value) if key in lists and isinstance(value, list) else value for key, value in values.items()}
    try:
        suite = Suite(**given | dict(options))
    except TypeError as error:
        raise BadInput(f"suite {path} does not say which methods to run") from error
    return check_suite(suite)


def check_suite(suite: Suite) -> Suite:
    """The suite, with defaults filled in.

    Raises:
        BadInput: any value that no job could be made of.
    """
    _require(isinstance(suite.dataset, str), "dataset must be a name")
    defaults = defaults_for(suite.dataset)
    suite = replace(
        suite,
        backbone=suite.backbone or defaults.backbone,
        points=defaults.points if suite.points is None else suite.points,
    )
    _require(suite.budget in BUDGETS, f"budget must be one of {', '.join(BUDGETS)}, not {shown(suite.budget)}")
    sizes = {name: getattr(suite, name) for name in ("batch_size", "micro_batch", "train_size")}
    suite = replace(
        suite, **{name: getattr(defaults, name)[suite.budget] for name, given in sizes.items() if given is None}
    )
    _require(_is_list(suite.methods, str) and suite.methods, "methods must name at least one method")
    _require(_is_list(suite.points, float) and suite.points, "points must be a list of numbers")
    for point in suite.points:
        _require(0 < point <= 1, f"an operating point is a fraction of the dense MACs in (0, 1], not {point:g}")
    _require(_is_list(suite.seeds, int) and suite.seeds, "seeds must be a list of whole numbers")
    jobs = len(suite.methods) * len(suite.points) * len(suite.seeds)
    _require(jobs <= MOST_JOBS, f"a suite has at most {MOST_JOBS} jobs, not {jobs}")
    for name in ("epochs", "backbone_epochs"):
        value = getattr(suite, name)
        is_count = value is None or (is_of(value, int) and 0 <= value <= MOST_EPOCHS)
        _require(is_count, f"{name} must be a whole number from 0 to {MOST_EPOCHS}")
    for name in ("distillation", "label_smoothing"):
        value = getattr(suite, name)
        _require(is_of(value, float) and 0 <= value <= 1, f"{name} must be a number from 0 to 1, not {shown(value)}")
    _check_sizes(suite)
    most = len(LEARNING_RATE_FACTORS)
    _require(is_of(suite.trials, int) and 1 <= suite.trials <= most, f"trials must be a whole number from 1 to {most}")
    _require(
        suite.precision in PRECISIONS, f"precision must be one of {', '.join(PRECISIONS)}, not {shown(suite.precision)}"
    )
    _require(isinstance(suite.backbone, str), "backbone must be a name")
    start = suite.backbone_weights
    _require(start is None or isinstance(start, str), "backbone_weights must be a file's name")
    backbone = build_backbone(suite.backbone, classes=10, dataset=suite.dataset)
    suite = replace(suite, methods=tuple(dict.fromkeys(map(method_id, suite.methods))))
    for name in suite.methods:
        method = load_method(name)
        if backbone.has_groups:  # Told before the backbone has been trained for days.
            method.build(copy.deepcopy(backbone), max(suite.points) if method.has_points else None)
    return suite


def _check_sizes(suite: Suite) -> None:
    for name in ("batch_size", "micro_batch", "train_size"):
        value = getattr(suite, name)
        _require(is_of(value, int) and value >= (name == "batch_size"), f"{name} must be a whole number, 0 or more")
    micro = suite.micro_batch
    _require(
        not micro or suite.batch_size % micro == 0,
        f"batch_size {suite.batch_size} is no multiple of micro_batch {micro}",
    )
    on_files = suite.dataset == "imagenet"
    _require(on_files or not suite.train_size, f"train_size is for imagenet: images of {suite.dataset} have one size")
    _require(not on_files or suite.train_size in (0, *range(32, 1025)), "train_size must be from 32 to 1024 pixels")


def _require(condition: object, message: str) -> None:
    if not condition:
        raise BadInput(message)


def _is_list(values: object, kind: type) -> bool:
    return isinstance(values, Sequence) and not isinstance(values, str) and all(is_of(value, kind) for value in values)


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
    sources = {name: _source(method) for name, method in methods.items()}
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


def _source(method: Method) -> dict[str, Any]:
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
    return Job(
        method=record.method,
        dataset=record.dataset,
        backbone=record.backbone,
        point=record.point,
        seed=record.seed,
        epochs=0,
        network=known,
        **UNTRAINED,
        **_source(load_method(record.method)),
    )


def _dense_job(suite: Suite, seed: int, start: str, source: dict[str, Any]) -> Job:
    if not start:
        given = suite.epochs if suite.backbone_epochs is None else suite.backbone_epochs
        epochs = defaults_for(suite.dataset).backbone_epochs[suite.budget] if given is None else given
    else:
        epochs = _epochs(suite) if "dense" in suite.methods else 0
    # From its initialisation there is no dense network yet that it could learn from.
    distillation = suite.distillation if start else 0.0
    return _job(suite, "dense", None, seed, epochs=epochs, distillation=distillation, start=start, **source)


def _job(suite: Suite, name: str, point: float | None, seed: int, epochs: int, distillation: float, **rest: Any) -> Job:
    """A job; what is about training counts only where it trains."""
    training = {name: getattr(suite, name) for name in TRAINING} | {"distillation": float(distillation)}
    return Job(
        method=name,
        dataset=suite.dataset,
        backbone=suite.backbone,
        point=None if point is None else float(point),
        seed=seed,
        epochs=epochs,
        **(training if epochs else UNTRAINED),
        **rest,
    )


def _epochs(suite: Suite) -> int:
    return defaults_for(suite.dataset).epochs[suite.budget] if suite.epochs is None else suite.epochs
