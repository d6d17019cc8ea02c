"""What one wants to have measured: from the command line's options, from Python or from a suite file."""

from __future__ import annotations

import copy
from dataclasses import MISSING, dataclass, replace
from typing import Any

from bench.choices import BUDGETS, INFERENCE_PRECISIONS, dataset_names
from bench.errors import BadInput
from bench.recipe import MOST_EPOCHS, Recipe
from bench.runs.plan.defaults import defaults_for
from bench.system.options import check_options, option, options_of
from bench.system.packages import require_package
from bench.system.validation import shown

MOST_JOBS = 100_000
"""More are taken for a mistake."""
POINT_DIGITS = 9
"""Decimals of an operating point: 0.3 and 0.30000000000000004 are one."""
SHARED = ("dataset", "backbone_weights", "mean", "std")
"""What all parts of a suite have in common, since images are read once."""
MEAN = "What images are normalised with, as given weights may want it; red,green,blue. Default: the data set's own."
INFERENCE = "Of tests and times, dense networks' too; others than float32: executors torch and triton, tf32 on a GPU."
START = (
    "Weights to start from: .safetensors, or a torch file, in our layout, public CIFAR ResNets' or timm's; `timm` "
    "downloads timm's (imagenet, folder, timm). Those for other classes start `dense` with a classifier of its own."
)


@dataclass(frozen=True)
class Suite(Recipe):
    """A set of records that belong into one table; the same words as the options of ``bench run``.

    Its options of training lie beside its own, flat, as in suite files.
    """

    methods: tuple[str, ...] = option(MISSING, "Comma-separated; see `bench list methods`.")
    dataset: str = option("digits", "What is classified.", choices=tuple(dataset_names()))
    backbone: str = option(None, "Default: chosen for the data set; see `bench list backbones`.")
    points: tuple[float, ...] = option(None, "Target fractions of the dense MACs, gates included. Default: 0.5.")
    seeds: tuple[int, ...] = option((0,), "One record each.")
    backbone_epochs: int = option(
        None, "Of a backbone from scratch. Default: --epochs.", at_least=0, at_most=MOST_EPOCHS
    )
    budget: str = option("quick", "Epochs where --epochs says nothing.", choices=BUDGETS)
    backbone_weights: str = option(None, START)
    mean: tuple[float, ...] = option(None, MEAN)
    std: tuple[float, ...] = option(None, "As --mean, which it belongs to.")
    inference_precision: str = option("float32", INFERENCE, choices=INFERENCE_PRECISIONS)


def check_suite(suite: Suite) -> Suite:
    """The suite, with defaults filled in, and each thing by its one name.

    Raises:
        BadInput: any value that no job could be made of.
    """
    suite = _filled(check_options(suite))
    for point in suite.points:
        _require(0 < point <= 1, f"an operating point is a fraction of the dense MACs in (0, 1], not {point:g}")
    jobs = len(suite.methods) * len(suite.points) * len(suite.seeds)
    _require(jobs <= MOST_JOBS, f"a suite has at most {MOST_JOBS} jobs, not {jobs}")
    _require(suite.backbone_weights != "", "backbone_weights must be a file, not ''")
    _check_normalisation(suite)
    if trains(suite):
        _check_batches(suite)
    _check_train_size(suite)
    return _with_one_name_each(suite)


def trains(suite: Suite) -> bool:
    """Whether any job of a suite that was checked trains."""
    return bool(suite.epochs or dense_epochs(suite))


def dense_epochs(suite: Suite) -> int:
    """Epochs of the dense backbone: none where its weights are given and ``dense`` is not asked for."""
    if suite.backbone_weights:
        return suite.epochs if "dense" in suite.methods else 0
    return suite.backbone_epochs


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


def _check_normalisation(suite: Suite) -> None:
    given = {"mean": suite.mean, "std": suite.std}
    if suite.mean is None and suite.std is None:
        return
    for name, values in given.items():
        is_whole = values is not None and len(values) == 3
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
    on_files = reads_files(suite.dataset)
    _require(
        on_files or not suite.train_size, f"train_size is for images in files: those of {suite.dataset} have one size"
    )
    is_known = not on_files or suite.train_size in (0, *range(32, 1025))
    _require(is_known, f"train_size must be from 32 to 1024 pixels, not {suite.train_size}")


def reads_files(dataset: str) -> bool:
    """Whether the images of a data set are files of any size, which the backbone decides how to read."""
    from bench.data import load_source  # and with it torch, which --help does without

    return load_source(dataset).from_files


def _require(condition: object, message: str) -> None:
    if not condition:
        raise BadInput(message)


def _with_one_name_each(suite: Suite) -> Suite:
    """With methods and backbone in their one spelling and nothing twice.

    That they exist and fit each other is told here, before a backbone has been trained for days.
    """
    from bench.data import own_normalisation  # and with these torch, which --help does without
    from bench.methods.interface import Method
    from bench.methods.registry import load_method, method_id
    from bench.networks.backbones import build_backbone
    from bench.networks.backbones.traced.block import TracedBackbone

    backbone = build_backbone(suite.backbone, classes=10, dataset=suite.dataset)
    if (suite.mean, suite.std) == own_normalisation(suite.dataset, suite.backbone):
        nothing_new: dict[str, Any] = {"mean": None, "std": None}
        suite = replace(suite, **nothing_new)
    suite = replace(
        suite,
        backbone=backbone.name,
        methods=tuple(dict.fromkeys(map(method_id, suite.methods))),
        points=tuple(dict.fromkeys(round(point, POINT_DIGITS) for point in suite.points)),
        seeds=tuple(dict.fromkeys(suite.seeds)),
    )
    for name in suite.methods:
        method = load_method(name)
        if method.package:
            require_package(method.package, name)
        is_particular = method.verified_on != Method.verified_on
        if is_particular or backbone.has_groups or isinstance(backbone, TracedBackbone) or reads_files(suite.dataset):
            network = method.build(copy.deepcopy(backbone), max(suite.points) if method.has_points else None)
            if suite.train_size and trains(suite):
                _check_training_images(network, name, suite)
    return suite


def _check_training_images(network: Any, method: str, suite: Suite) -> None:
    """Runs ``network`` on one image of the training size: not every backbone takes it, nor every gate its maps."""
    import torch

    try:
        with torch.inference_mode():
            network.eval()(torch.zeros(1, 3, suite.train_size, suite.train_size))
    except (RuntimeError, AssertionError) as error:  # as PyTorch says it, and as timm does
        reason = str(error).partition("\n")[0].rstrip(".")
        raise BadInput(
            f"train_size {suite.train_size} does not fit {method} on {suite.backbone}: {reason}; "
            "with 0, training images are as large as test images"
        ) from error
