"""One job: load or train, evaluate, write the record; :mod:`bench.runs.phases.timing` adds times to it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save

from bench.data import DataSet
from bench.data.recorded import gate_warnings, require_same_data, require_start
from bench.errors import BadInput
from bench.execution import to_inference
from bench.measurement.evaluation import collect_answers, evaluate
from bench.measurement.stopping import describe_stopping
from bench.methods import load_method
from bench.methods.interface import FINE_TUNING_LR, Budget, Method, Reported, Stage, split_parameters
from bench.networks.backbones import Backbone, build_backbone, load_weights, unread_average
from bench.networks.cascade import Cascade, parts_of
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.recipe import LEARNING_RATE_FACTORS
from bench.records import (
    MODEL_FILE,
    SAMPLES_FILE,
    SCHEMA_VERSION,
    TRAINING_FILE,
    Record,
    has_whole_record,
    read_record,
    write_record,
)
from bench.records.points import misses_point, point_tolerance
from bench.records.summary import measured
from bench.runs.plan.jobs import Job
from bench.system import determinism, distributed, environment, resources
from bench.system.files import file_hash, write_atomically
from bench.system.seeds import derive_seed
from bench.training import Trainer, selection_key
from bench.training.checkpoint import remove_checkpoints
from bench.zoo.loading import load_pretrained
from bench.zoo.members import cascade_of, describe_members
from bench.zoo.tune import Budget as KnobBudget
from bench.zoo.tune import Knob

CHECKPOINT_FILE = "checkpoint-{}.pt"


@dataclass(frozen=True)
class Context:
    """What jobs of one run share, besides what determines their results.

    Attributes:
        weights: file that backbones start from, or None.
        shipped: trained networks to measure, folder and record by the id of the job that measures them; members of
            cascades by the SHA-256 of their networks.
        command: as typed, for the record.
        executor: what runs the trained network: ``torch``, ``native``, or ``auto`` for native where that is possible.
        deterministic: whether only operations that give the same bits every time are allowed.
        checkpoint_s: seconds between checkpoints within an epoch, where these are possible.
        placement: where and beside what the job runs, for the record; see :class:`bench.runs.engines.Settings`.
        on_epoch: called with each epoch's row of ``train.csv``.
    """

    out: Path
    data: DataSet
    device: torch.device
    weights: Path | None
    command: str
    shipped: Mapping[str, tuple[Path, Record]] = field(default_factory=dict)
    compile: bool = False
    executor: str = "auto"
    deterministic: bool = False
    checkpoint_s: float = 600.0
    placement: dict = field(default_factory=dict)
    on_epoch: Callable[[dict], None] = lambda row: None


def is_done(job: Job, out: Path) -> bool:
    """A job is done exactly when its whole record exists."""
    return has_whole_record(out / job.id)


def run_job(job: Job, context: Context) -> Path:
    """Runs one job to its record, continuing behind the last checkpoint; returns its folder.

    Several processes do this together; the first one writes.

    Raises:
        BadInput: weights that do not fit, a loss that became NaN, a folder that cannot be written.
    """
    folder = context.out / job.id
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot write to {context.out}: {error.strerror}") from error
    distributed.call(job.id)
    determinism.require(context.deterministic)
    if job.epochs:
        context.data.require_trainable()
    resources.begin(context.data)
    context = replace(context, data=context.data.to(context.device))
    method = load_method(job.method)
    if job.members:
        trials = [_cascade(job, context)]
    elif job.network:
        trials = [_shipped(job, context)]
    else:
        trials = [_trial(job, method, factor, folder, context) for factor in LEARNING_RATE_FACTORS[: job.trials]]
    chosen = max(trials, key=lambda trial: trial.key)
    network = chosen.network
    network.requires_grad_(False)
    dense_macs = count_backbone(starting_backbone(job, context)).total
    calibration = _calibrated(job, method, network, context, dense_macs)
    # What is evaluated is what a deployment would run: work that was decided away is not done.
    lowered = to_inference(network, context.executor)
    samples = evaluate(lowered, context.data, context.data.test).samples
    stopping = describe_stopping(network, samples, context.data, dense_macs)
    used = resources.used(context.data, context.device)
    if distributed.rank() > 0:
        return folder
    write_atomically(folder / MODEL_FILE, lambda path: path.write_bytes(save(_weights(network))))
    write_atomically(folder / SAMPLES_FILE, lambda path: samples.to_parquet(path, index=False))
    history = pd.concat([trial.history for trial in trials])
    write_atomically(folder / TRAINING_FILE, lambda path: history.to_csv(path, index=False))
    record = _record(job, method, chosen, samples, context)
    details = record.details | {"resources": used} | calibration | ({"stopping": stopping} if stopping else {})
    if job.tuned and job.point is None:  # a budget of time: the point is what it came to
        record = replace(record, point=round(record.macs_fraction, 3))
    record = replace(record, execution=lowered.execution, executor=lowered.executor, details=details)
    write_record(folder, record)
    remove_checkpoints(folder)
    return folder


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


def _shipped(job: Job, context: Context) -> Trial:
    """The training that a shipped network comes from; its history stays in the folder it was shipped in."""
    folder, record = context.shipped[job.id]
    require_same_data(record, context.data)
    network = load_pretrained(folder, record, len(context.data.classes)).to(context.device)
    return Trial(1.0, network, pd.DataFrame(), record.stage_epochs, job.point)


def _cascade(job: Job, context: Context) -> Trial:
    """Networks that other jobs trained, in a row: no epochs of its own."""
    found = [context.shipped[member] for member in job.members]
    for _, record in found:
        require_same_data(record, context.data)
    network = cascade_of(found, len(context.data.classes)).to(context.device)
    stage_epochs = "; ".join(f"member {number}: {record.stage_epochs}" for number, (_, record) in enumerate(found))
    return Trial(1.0, network, pd.DataFrame(), stage_epochs, job.point)


def _calibrated(job: Job, method: Method, network: DynamicNetwork, context: Context, dense_macs: float) -> dict:
    """Sets what is set behind the training, from validation images; what that was, for the record.

    A shipped network is measured as it is.
    """
    if job.network:
        known = context.shipped[job.id][1].details
        carried = {name: known[name] for name in ("calibration", "members", "tuned_from") if name in known}
        return carried | (_tuned(job, network, context, dense_macs) if job.tuned else {})
    answers = partial(collect_answers, network, context.data, context.data.validation, dense_macs)
    described = [context.shipped[member] for member in job.members]
    calibration = method.finish(network, job.point, answers)
    if not isinstance(network, Cascade):
        return {"calibration": calibration} if calibration else {}
    kept = describe_members(described) if described else [asdict(member) for member in network.described]
    if described:
        kept = [kept[number] for number in calibration["members"]]
    return {"calibration": calibration, "members": kept}


def _tuned(job: Job, network: DynamicNetwork, context: Context, dense_macs: float) -> dict:
    """Sets the thresholds of a trained network for a budget; what that was, and whose network it is."""
    folder, record = context.shipped[job.id]
    value, unit = job.tuned.split()
    knob = Knob(network, context.data, dense_macs, context.executor)
    told = knob.set_to(KnobBudget(float(value), unit))
    shape = record.details.get("tuned_from", {}).get("point", record.point)
    return {"calibration": told, "tuned_from": {"job": folder.name, "sha256": job.network, "point": shape}}


def _trial(job: Job, method: Method, factor: float, folder: Path, context: Context) -> Trial:
    """Trains ``method`` from its start, continuing behind the last checkpoint."""
    backbone = starting_backbone(job, context)
    teacher = copy.deepcopy(backbone).to(context.device) if job.distillation and _has_start(job) else None
    torch.manual_seed(derive_seed(job.seed, "build", job.method, job.point))
    dense_macs = count_backbone(backbone).total
    network = method.build(backbone, job.point).to(context.device)
    stages = [_scaled(stage, factor) for stage in method.stages(network, job.point, _budget(job))]

    def calibrate(network: DynamicNetwork) -> None:
        answers = partial(collect_answers, network, context.data, context.data.validation, dense_macs)
        method.calibrate(network, job.point, answers)

    trainer = Trainer(
        network,
        context.data,
        job.recipe,
        folder / CHECKPOINT_FILE.format(f"{factor:g}"),
        identity=f"{job.id} x{factor:g} on {context.data.training_fingerprint()}",
        point=job.point,
        seed=derive_seed(job.seed, "train", job.method, job.point),
        teacher=teacher,
        dense_macs=dense_macs,
        compile=context.compile,
        checkpoint_s=context.checkpoint_s,
        on_epoch=context.on_epoch,
        calibrate=calibrate,
    )
    history = trainer.fit(stages)
    stage_epochs = " + ".join(f"{stage.name} {stage.epochs}" for stage in stages)
    return Trial(factor, network, history.assign(learning_rate_factor=factor), stage_epochs, job.point)


def _scaled(stage: Stage, factor: float) -> Stage:
    return replace(stage, groups=[replace(group, lr=factor * group.lr) for group in stage.groups])


def _budget(job: Job) -> Budget:
    return Budget(job.epochs, _has_start(job), job.fine_tuning_lr or FINE_TUNING_LR)


def _has_start(job: Job) -> bool:
    return bool(job.start or job.start_job)


def _weights(network: DynamicNetwork) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}


def starting_backbone(job: Job, context: Context) -> Backbone:
    """The backbone as the job finds it: from the given weights, from its dense job, or freshly initialised."""
    torch.manual_seed(derive_seed(job.seed, "backbone", job.backbone))
    backbone = build_backbone(job.backbone, len(context.data.classes), job.dataset)
    if job.start:
        if context.weights is None or file_hash(context.weights) != job.start:
            raise BadInput(f"job {job.id} starts from weights that are not the ones given")
        load_weights(backbone, context.weights)
    elif job.start_job:
        load_weights(backbone, require_start(context.out / job.start_job, MODEL_FILE, context.data))
    return backbone


def _record(
    job: Job,
    method: Method,
    trial: Trial,
    samples: pd.DataFrame,
    context: Context,
) -> Record:
    backbone_macs = count_backbone(starting_backbone(job, context)).total
    numbers = measured(samples, backbone_macs)
    described, start_record = environment.describe(context.device), _start_record(job, context)
    # What was published is about the whole data set.
    reported = None if context.data.is_subset else _reported(method, job, backbone_macs)
    return Record(
        schema_version=SCHEMA_VERSION,
        method=job.method,
        dataset=job.dataset,
        backbone=job.backbone,
        point=job.point,
        seed=job.seed,
        stage_epochs=trial.stage_epochs,
        macs_backbone=float(backbone_macs),
        **numbers,
        params=sum(parameter.numel() for parameter in trial.network.parameters()),
        execution="skipped",
        device=context.device.type,
        threads=torch.get_num_threads(),
        precision="float32",
        reported_top1=reported.top1 if reported else None,
        reported_macs=reported.macs if reported else None,
        reported_source=reported.source if reported else None,
        command=context.command,
        **environment.provenance(described),
        details={
            "environment": described,
            "config": asdict(job),
            "data": {
                "note": context.data.note,
                "title": context.data.title,
                "outputs": len(context.data.classes),
                "fingerprint": context.data.fingerprint(),
                "mean": list(context.data.mean),
                "std": list(context.data.std),
            },
            "learning_rate_factor": trial.factor,
            "placement": context.placement,
            "start": _start_note(job, context, start_record),
            "start_record": start_record,
            "warnings": _warnings(job, samples, numbers["macs_fraction"], trial.network),
            "determinism": determinism.describe(),
        },
    )


def _reported(method: Method, job: Job, backbone_macs: int) -> Reported | None:
    """The published result for this data set and backbone whose cost is nearest to the operating point."""
    mine = [one for one in method.info.reported if (one.dataset, one.backbone) == (job.dataset, job.backbone)]
    wanted = backbone_macs * (1.0 if job.point is None else job.point)
    return min(mine, key=lambda one: abs((one.macs or 0) - wanted), default=None)


def _start_note(job: Job, context: Context, start_record: str) -> str:
    if job.network:
        folder, record = context.shipped[job.id]
        kind = "thresholds moved of trained network" if job.tuned else "shipped network"
        return f"{kind} {folder.name} (SHA-256 {job.network[:12]}): {record.details.get('start', '')}"
    if job.members:
        names = [f"{context.shipped[member][0].name} (SHA-256 {member[:12]})" for member in job.members]
        return f"trained networks {', '.join(names)}; no epochs of its own"
    if job.start:
        weights = f"backbone weights from {context.weights.name} (SHA-256 {job.start[:12]})"
        if start_record:
            record = read_record(context.weights.parent)
            return (
                f"{weights}, which are job {start_record}'s ({record.stage_epochs}): {record.details.get('start', '')}"
            )
        if average := unread_average(context.weights):
            weights += f", not the moving average of them that lies beside as {average!r}"
        return (
            f"{weights}; the harness does not know on which images they were trained and selected: accuracies may be "
            "optimistic"
        )
    if job.start_job:
        return f"own dense backbone, trained on the training split, job {job.start_job}"
    return "own initialisation"


def _start_record(job: Job, context: Context) -> str:
    """The dense job that given weights come from, if a record beside them says so and is of these images, or empty."""
    folder = context.weights.parent if job.start and context.weights else None
    try:
        if folder and (record := read_record(folder)).method == "dense":
            require_start(folder, context.weights.name, context.data)
            return folder.name if context.weights.name in record.details.get("files", {}) else ""
    except BadInput:
        pass  # No record, or one of something else: nothing is known.
    return ""


def _warnings(job: Job, samples: pd.DataFrame, fraction: float, network: DynamicNetwork) -> list[str]:
    """What a reader must know before trusting the row."""
    gates = len(split_parameters(network)[1])
    of_exits = sum(len(list(part.exits.parameters())) for part in parts_of(network) if part.exits is not None)
    warnings = gate_warnings(samples, gated=gates > of_exits)
    if misses_point(fraction, job.point):
        tolerance = point_tolerance(job.point)
        missed = f"missed its operating point: {fraction:.3f} instead of {job.point:g} +- {tolerance:g}"
        warnings.insert(0, missed)
    return warnings
