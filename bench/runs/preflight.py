"""What would fail behind hours of training, and can be known before."""

from __future__ import annotations

from pathlib import Path

import torch

from bench.data import DataSet
from bench.data.recorded import data_options
from bench.errors import BadInput
from bench.execution.native import targets, unsupported_reason
from bench.execution.onnx import missing_packages, not_exported
from bench.execution.precision import unsupported_precision
from bench.execution.triton import interpreting, missing, unknown_to_kernels
from bench.methods import load_method
from bench.networks.backbones import build_backbone, foreign_outputs, load_weights, unread_average
from bench.records import RECORD_FILE, read_record
from bench.runs.phases.start import DENSE
from bench.runs.plan.jobs import Job
from bench.runs.settings import Settings, choose_device
from bench.training.accumulation import require_shares

OBSTACLES = {"native": unsupported_reason, "triton": unknown_to_kernels, "onnxruntime": not_exported}
"""Why an executor cannot run a network, by the executor's name. A GPU is where the network will lie."""


def check_ahead(jobs: list[Job], settings: Settings, data: DataSet) -> list[str]:
    """What somebody should know before the first job starts, in lines.

    Raises:
        BadInput: batches, weights, an executor or a compiler with which some job could not come to its end.
    """
    for job in jobs:
        if job.epochs:
            require_shares(job.batch_size, job.micro_batch, len(data.train))
    _check_precision(jobs, settings)
    _check_executor(jobs, settings, len(data.classes))
    if settings.execution.compile and settings.placement.engine != "slurm" and any(job.epochs for job in jobs):
        _check_compiler()
    weights = settings.inputs.weights
    return [] if weights is None else _check_weights(jobs, weights, settings, len(data.classes))


def _check_weights(jobs: list[Job], weights: Path, settings: Settings, classes: int) -> list[str]:
    others, notes = foreign_outputs(weights, classes), []
    for backbone, dataset in {(job.backbone, job.dataset): None for job in jobs if job.start}:
        load_weights(build_backbone(backbone, classes, dataset), weights, own_classifier=bool(others))
    if others:
        differs = f"{weights.name} tells {others:,} classes apart, {settings.inputs.dataset} has {classes:,}"
        _require_dense_training(jobs, differs)
        notes.append(f"{differs}: its classifier is left out, and another one is trained anew")
    _check_normalisation(settings, weights)
    if average := unread_average(weights):
        notes.append(f"{weights.name} also holds a moving average of its weights ({average}), which is not read")
    return notes


def _require_dense_training(jobs: list[Job], why: str) -> None:
    """Raises BadInput for jobs that start from a network that does not know its classes, and do not train it."""
    if any(job.start and (job.method != DENSE or not job.epochs) for job in jobs):
        raise BadInput(
            f"{why}: train --methods dense alone from these weights, for --epochs of 1 or more, and start others from "
            "its model.safetensors"
        )


def _check_normalisation(settings: Settings, weights: Path) -> None:
    """Weights of a job of ours want images as that job had them."""
    given = settings.inputs.data_options
    folder = weights.parent
    if not (folder / RECORD_FILE).exists():
        return
    record = read_record(folder)
    theirs = data_options(record)
    is_theirs = weights.name in record.details.get("files", {}) and record.dataset == settings.inputs.dataset
    if is_theirs and (theirs.mean, theirs.std) != (given.mean, given.std):
        words = [f"--{name} {','.join(map(str, getattr(theirs, name)))}" for name in ("mean", "std") if theirs.mean]
        how = f"give {' '.join(words)}" if words else "leave out --mean and --std"
        raise BadInput(f"{weights} were trained on images that were normalised otherwise: {how}")


def _check_precision(jobs: list[Job], settings: Settings) -> None:
    execution, is_elsewhere = settings.execution, settings.placement.engine == "slurm"
    device = torch.device("cuda") if is_elsewhere else choose_device(execution.device)
    for precision in {job.inference_precision: None for job in jobs}:
        if reason := unsupported_precision(precision, execution.executor, device):
            raise BadInput(f"--inference-precision {precision}: {reason}")


def _check_executor(jobs: list[Job], settings: Settings, classes: int) -> None:
    executor, obstacle = settings.execution.executor, OBSTACLES.get(settings.execution.executor)
    if obstacle is None:
        return
    if settings.placement.engine != "slurm":
        _check_machine(executor, choose_device(settings.execution.device))
    for method, backbone, dataset, point in {(job.method, job.backbone, job.dataset, job.point): None for job in jobs}:
        network = load_method(method).build(build_backbone(backbone, classes, dataset), point)
        if reason := obstacle(network):
            raise BadInput(
                f"--executor {executor} cannot run {method} on {backbone}: {reason}; --executor auto runs it in PyTorch"
            )


def _check_machine(executor: str, device: torch.device) -> None:
    lacks = {"native": _not_built, "triton": missing, "onnxruntime": missing_packages}
    if reason := lacks[executor]():
        raise BadInput(f"--executor {executor}: {reason}")
    if executor != "triton" and device.type != "cpu":
        raise BadInput(f"--executor {executor} runs on the CPU: give --device cpu")
    if executor == "triton" and device.type != "cuda" and not interpreting():
        raise BadInput("--executor triton runs on a GPU: give --device cuda")


def _not_built() -> str | None:
    return None if targets() else "the compiled executor was not built here"


def _check_compiler() -> None:
    """Compiles something small in the way that training is compiled."""
    try:
        torch.compile(lambda x: x * 2 + 1)(torch.ones(2))
    except Exception as error:  # as many types as torch has backends
        reason = " ".join(str(error).split())[:160]
        raise BadInput(f"--compile: torch.compile does not work here ({type(error).__name__}: {reason})") from error
