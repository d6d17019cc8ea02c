"""Trains and tests one network: what :class:`bench.runs.phases.training.TrainAndTest` does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save

from bench.errors import BadInput
from bench.execution.precision import products
from bench.measurement.choosing import choosing_columns, describe_choosing
from bench.measurement.evaluation import evaluate
from bench.measurement.stopping import describe_stopping
from bench.methods import load_method
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.records import MODEL_FILE, SAMPLES_FILE, TRAINING_FILE, write_record
from bench.runs import resources
from bench.runs.context import Context
from bench.runs.phases.calibration import calibrated
from bench.runs.phases.form import form_columns, form_details, form_of
from bench.runs.phases.recording import record_of
from bench.runs.phases.start import starting_backbone
from bench.runs.phases.trials import Trial, trials_of
from bench.runs.plan.jobs import Job
from bench.system import determinism, distributed
from bench.system.files import write_atomically
from bench.training.checkpoint import remove_checkpoints


def train_and_test(job: Job, context: Context) -> None:
    """Runs one job to its record; see :meth:`bench.runs.phases.training.TrainAndTest.run`."""
    folder = _prepared(job, context)
    context = replace(context, data=context.data.to(context.device))
    trials = trials_of(job, context)
    chosen = max(trials, key=lambda trial: trial.key)
    network = chosen.network.requires_grad_(False)
    dense_macs = count_backbone(starting_backbone(job, context)).total
    calibration = calibrated(job, load_method(job.method), network, context, dense_macs)
    # What is evaluated is what a deployment would run: work that was decided away is not done.
    lowered = form_of(job, network, context)
    with products(job.inference_precision):
        samples = evaluate(lowered, context.data, context.data.test).samples
    stopping = describe_stopping(network, samples, context.data, dense_macs)
    choosing = describe_choosing(network, samples, context.data, dense_macs, stopping)
    used = resources.used(context.data, context.device)
    if distributed.rank() > 0:
        return
    _write_files(folder, network, samples, trials)
    record = record_of(job, chosen, samples, context)
    found = {name: value for name, value in (("stopping", stopping), ("choosing", choosing)) if value}
    details = record.details | {"resources": used} | calibration | found | form_details(job, lowered, context)
    if job.tuned and job.point is None:  # a budget of time: the point is what it came to
        record = replace(record, point=round(record.macs_fraction, 3))
    columns = choosing_columns(choosing) | form_columns(job, lowered)
    write_record(folder, replace(record, details=details, **columns))
    remove_checkpoints(folder)


def _prepared(job: Job, context: Context) -> Path:
    """The job's folder; behind it all processes are at the same place, and what the job takes is counted."""
    folder = context.out / job.id
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot write to {context.out}: {error.strerror}") from error
    distributed.call(job.id)
    determinism.require(context.settings.execution.deterministic)
    if job.epochs:
        context.data.require_trainable()
    resources.begin(context.data)
    return folder


def _write_files(folder: Path, network: DynamicNetwork, samples: pd.DataFrame, trials: list[Trial]) -> None:
    history = pd.concat([trial.history for trial in trials])
    write_atomically(folder / MODEL_FILE, lambda path: path.write_bytes(save(_weights(network))))
    write_atomically(folder / SAMPLES_FILE, lambda path: samples.to_parquet(path, index=False))
    write_atomically(folder / TRAINING_FILE, lambda path: history.to_csv(path, index=False))


def _weights(network: DynamicNetwork) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
