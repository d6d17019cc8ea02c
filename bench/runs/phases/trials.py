"""The trainings of a job, and what stands for one where a trained network is given."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import pandas as pd
import torch

from bench.data.recorded import require_same_data
from bench.measurement.evaluation import collect_answers
from bench.methods import load_method
from bench.methods.bounds import bounded
from bench.methods.interface import FINE_TUNING_LR, Budget, Method, Stage
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.recipe import LEARNING_RATE_FACTORS
from bench.runs.context import Context
from bench.runs.phases.start import foreign_classes, has_start, starting_backbone
from bench.runs.plan.jobs import Job
from bench.system.seeds import derive_seed
from bench.training import Checkpoint, Trainer, selection_key
from bench.zoo.loading import load_pretrained
from bench.zoo.members import cascade_of

CHECKPOINT_FILE = "checkpoint-{}.pt"


@dataclass(frozen=True)
class Trial:
    """One training of a job.

    Attributes:
        factor: of all learning rates.
        history: one row per epoch.
    """

    factor: float
    network: DynamicNetwork
    history: pd.DataFrame
    stage_epochs: str
    point: float | None

    @property
    def key(self) -> tuple:
        """What validation says of it; the larger is the better."""
        if self.history.empty:
            return ()
        last = self.history[self.history["stage"] == self.history["stage"].iloc[-1]]
        return max(selection_key(row, self.point) for row in last.to_dict("records"))


def trials_of(job: Job, context: Context) -> list[Trial]:
    """The job's trainings; one where a trained network is given.

    Raises:
        BadInput: weights that do not fit, or a loss that became NaN.
    """
    if job.members:
        return [_cascade(job, context)]
    if job.network:
        return [_shipped(job, context)]
    method = load_method(job.method)
    return [_trial(job, method, factor, context) for factor in LEARNING_RATE_FACTORS[: job.trials]]


def _shipped(job: Job, context: Context) -> Trial:
    """The training that a shipped network comes from; its history stays in the folder it was shipped in."""
    folder, record = context.inputs.shipped[job.id]
    require_same_data(record, context.data)
    network = load_pretrained(folder, record, len(context.data.classes)).to(context.device)
    return Trial(1.0, network, pd.DataFrame(), record.stage_epochs, job.point)


def _cascade(job: Job, context: Context) -> Trial:
    """Networks that other jobs trained, in a row: no epochs of its own."""
    found = [context.inputs.shipped[member] for member in job.members]
    for _, record in found:
        require_same_data(record, context.data)
    network = cascade_of(found, len(context.data.classes)).to(context.device)
    stage_epochs = "; ".join(f"member {number}: {record.stage_epochs}" for number, (_, record) in enumerate(found))
    return Trial(1.0, cast(DynamicNetwork, network), pd.DataFrame(), stage_epochs, job.point)


def _trial(job: Job, method: Method, factor: float, context: Context) -> Trial:
    """Trains ``method`` from its start, continuing behind the last checkpoint."""
    backbone = starting_backbone(job, context)
    teaches = job.distillation and has_start(job) and not foreign_classes(job, context)
    teacher = copy.deepcopy(backbone).to(context.device) if teaches else None
    torch.manual_seed(derive_seed(job.seed, "build", job.method, job.point))
    dense_macs = count_backbone(backbone).total
    network = method.build(backbone, job.point).to(context.device)
    stages = [bounded(_scaled(stage, factor), job.bounds) for stage in method.stages(network, job.point, _budget(job))]

    def calibrate(network: DynamicNetwork) -> None:
        answers = partial(collect_answers, network, context.data, context.data.validation, dense_macs)
        method.calibrate(network, job.point, answers)

    trainer = Trainer(
        network,
        context.data,
        job.recipe,
        Checkpoint(
            context.out / job.id / CHECKPOINT_FILE.format(f"{factor:g}"),
            identity=f"{job.id} x{factor:g} on {context.data.training_fingerprint()}",
            every_s=context.settings.execution.checkpoint_s,
        ),
        point=job.point,
        seed=derive_seed(job.seed, "train", job.method, job.point),
        teacher=teacher,
        dense_macs=dense_macs,
        compile=context.settings.execution.compile,
        on_epoch=context.on_epoch,
        calibrate=calibrate,
    )
    history = trainer.fit(stages)
    stage_epochs = " + ".join(map(_described, stages))
    return Trial(factor, network, history.assign(learning_rate_factor=factor), stage_epochs, job.point)


def _described(stage: Stage) -> str:
    views = f" ({stage.views} views of each image)" if stage.views > 1 else ""
    return f"{stage.name} {stage.epochs}{views}"


def _scaled(stage: Stage, factor: float) -> Stage:
    return replace(stage, groups=[replace(group, lr=factor * group.lr) for group in stage.groups])


def _budget(job: Job) -> Budget:
    return Budget(job.epochs, has_start(job), job.fine_tuning_lr or FINE_TUNING_LR)
