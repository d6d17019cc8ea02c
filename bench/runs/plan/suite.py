"""What one wants to have measured: from the command line's options, from Python or from a suite file."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, replace
from pathlib import Path
from typing import Any

from bench.choices import BUDGETS, DATASETS
from bench.errors import BadInput
from bench.recipe import MOST_EPOCHS, Recipe
from bench.runs.plan.bundled import SUITES, suite_names
from bench.runs.plan.defaults import defaults_for
from bench.system.options import check_options, option, options_of

LARGEST_BYTES = 1_000_000
"""Of a suite file."""
MOST_JOBS = 100_000
"""More are taken for a mistake."""
START = (
    "Weights to start from: .safetensors, or a torch file, in our layout, public CIFAR ResNets' or timm's; `timm` "
    "downloads timm's (imagenet)."
)


@dataclass(frozen=True)
class Suite(Recipe):
    """A set of records that belong into one table; the same words as the options of ``bench run``.

    Its options of training lie beside its own, flat, as in suite files.
    """

    methods: tuple[str, ...] = option(MISSING, "Comma-separated; see `bench list methods`.")
    dataset: str = option("digits", "What is classified.", choices=DATASETS)
    backbone: str = option(None, "Default: chosen for the data set; see `bench list backbones`.")
    points: tuple[float, ...] = option(None, "Target fractions of the dense MACs, gates included. Default: 0.5.")
    seeds: tuple[int, ...] = option((0,), "One record each.")
    backbone_epochs: int = option(
        None, "Of a backbone from scratch. Default: --epochs.", at_least=0, at_most=MOST_EPOCHS
    )
    budget: str = option("quick", "Epochs where --epochs says nothing.", choices=BUDGETS)
    backbone_weights: str = option(None, START)


def load_suite(name: str, options: Mapping[str, Any] | None = None) -> list[Suite]:
    """The parts of a suite, by name (``bench list suites``) or from a YAML file: one mapping of options, or a list.

    Args:
        options: override those of the file, in all parts.

    Raises:
        BadInput: no such suite, broken YAML, unknown keys or values of the wrong kind.
    """
    path = SUITES / f"{name}.yaml" if (SUITES / f"{name}.yaml").exists() else Path(name)
    values = _read(path, name)
    parts = values if isinstance(values, list) else [values]
    suites = []
    for number, part in enumerate(parts, start=1):
        where = f"suite {path}, part {number}" if len(parts) > 1 else f"suite {path}"
        suites.append(_suite_from(part, where, options or {}))
    if not suites:
        raise BadInput(f"suite {path} is empty")
    if len({(suite.dataset, suite.backbone_weights) for suite in suites}) > 1:
        raise BadInput(f"the parts of suite {path} must share dataset and backbone_weights")
    if suites[0].dataset == "imagenet" and len({(suite.backbone, suite.train_size) for suite in suites}) > 1:
        raise BadInput(f"the parts of suite {path} must share backbone and train_size, which say how images are read")
    return suites


def _read(path: Path, name: str) -> object:
    """What the YAML of a suite holds."""
    import yaml

    try:
        if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            raise FileNotFoundError(f"{path} is no file of up to {LARGEST_BYTES} bytes")
        text = path.read_text()
    except (OSError, ValueError) as error:
        raise BadInput(f"no suite {name!r}: give a file, or one of {', '.join(suite_names())}") from error
    try:
        return yaml.safe_load(text)
    except Exception as error:  # PyYAML leaves what values' own constructors raise as it is
        raise BadInput(f"suite {path} is no valid YAML: {' '.join(str(error).split())}") from error


def _suite_from(values: object, where: str, options: Mapping[str, Any]) -> Suite:
    if not isinstance(values, dict):
        raise BadInput(f"{where} must be a mapping of options, or a list of them")
    known = options_of(Suite)
    if unknown := [str(key) for key in values if key not in known]:
        raise BadInput(f"{where} has unknown option {unknown[0]!r}: choose from {', '.join(sorted(known))}")
    try:
        return check_suite(Suite(**values | dict(options)))
    except TypeError as error:
        raise BadInput(f"{where} does not say which methods to run") from error
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error


def check_suite(suite: Suite) -> Suite:
    """The suite, with defaults filled in and methods spelled in their one way.

    Raises:
        BadInput: any value that no job could be made of.
    """
    suite = _filled(check_options(suite))
    for point in suite.points:
        _require(0 < point <= 1, f"an operating point is a fraction of the dense MACs in (0, 1], not {point:g}")
    jobs = len(suite.methods) * len(suite.points) * len(suite.seeds)
    _require(jobs <= MOST_JOBS, f"a suite has at most {MOST_JOBS} jobs, not {jobs}")
    _check_sizes(suite)
    return _with_methods(suite)


def _filled(suite: Suite) -> Suite:
    """With the data set's defaults for what nobody said; a backbone trains as long as methods are told to."""
    defaults = defaults_for(suite.dataset)
    said: dict[str, Any] = {"backbone": defaults.backbone, "points": defaults.points, "backbone_epochs": suite.epochs}
    training = defaults.options(suite.budget)
    values: dict[str, Any] = {}
    for name, described in options_of(Suite).items():
        choices = (getattr(suite, name), said.get(name), training.get(name), described.off)
        values[name] = next((value for value in choices if value is not None), None)
    return replace(suite, **values)


def _check_sizes(suite: Suite) -> None:
    micro = suite.micro_batch
    _require(
        not micro or suite.batch_size % micro == 0,
        f"batch_size {suite.batch_size} is no multiple of micro_batch {micro}",
    )
    on_files = suite.dataset == "imagenet"
    _require(on_files or not suite.train_size, f"train_size is for imagenet: images of {suite.dataset} have one size")
    _require(not on_files or suite.train_size in (0, *range(32, 1025)), "train_size must be from 32 to 1024 pixels")


def _with_methods(suite: Suite) -> Suite:
    """With methods in their one spelling; that they and the backbone exist and fit is told before days of training."""
    from bench.methods.registry import load_method, method_id  # and with them torch, which --help does without
    from bench.networks.backbones import build_backbone

    backbone = build_backbone(suite.backbone, classes=10, dataset=suite.dataset)
    suite = replace(suite, methods=tuple(dict.fromkeys(map(method_id, suite.methods))))
    for name in suite.methods:
        method = load_method(name)
        if backbone.has_groups:
            method.build(copy.deepcopy(backbone), max(suite.points) if method.has_points else None)
    return suite


def _require(condition: object, message: str) -> None:
    if not condition:
        raise BadInput(message)
