"""Where a network starts from."""

from __future__ import annotations

import torch

from bench.data.recorded import require_start
from bench.errors import BadInput
from bench.networks.backbones import Backbone, build_backbone, foreign_outputs, load_weights, unread_average
from bench.records import MODEL_FILE, read_record
from bench.runs.context import Context
from bench.runs.plan.jobs import Job
from bench.system.files import file_hash
from bench.system.seeds import derive_seed

DENSE = "dense"


def has_start(job: Job) -> bool:
    """Whether the backbone is trained already."""
    return bool(job.start or job.start_job)


def foreign_classes(job: Job, context: Context) -> int:
    """Number of classes of a classifier that the given weights hold and the job leaves out, to train its own; else 0.

    Only the dense network is trained from there: other methods start from a network that knows its classes.
    """
    if job.method != DENSE or not job.epochs or not job.start or context.inputs.weights is None:
        return 0
    return foreign_outputs(context.inputs.weights, len(context.data.classes))


def starting_backbone(job: Job, context: Context) -> Backbone:
    """The backbone as the job finds it: from the given weights, from its dense job, or freshly initialised."""
    torch.manual_seed(derive_seed(job.seed, "backbone", job.backbone))
    backbone = build_backbone(job.backbone, len(context.data.classes), job.dataset)
    if job.start:
        if context.inputs.weights is None or file_hash(context.inputs.weights) != job.start:
            raise BadInput(f"job {job.id} starts from weights that are not the ones given")
        load_weights(backbone, context.inputs.weights, own_classifier=bool(foreign_classes(job, context)))
    elif job.start_job:
        load_weights(backbone, require_start(context.out / job.start_job, MODEL_FILE, context.data))
    return backbone


def start_note(job: Job, context: Context, start_record: str) -> str:
    """For the record: where the network comes from, in words."""
    if job.network:
        folder, record = context.inputs.shipped[job.id]
        changed = "thresholds moved of trained network" if job.tuned else "shipped network"
        kind = f"{job.quantised}, calibrated on training images, of trained network" if job.quantised else changed
        return f"{kind} {folder.name} (SHA-256 {job.network[:12]}): {record.details.get('start', '')}"
    if job.members:
        names = [f"{context.inputs.shipped[member][0].name} (SHA-256 {member[:12]})" for member in job.members]
        return f"trained networks {', '.join(names)}; no epochs of its own"
    if job.start:
        file = context.inputs.weights
        assert file is not None
        weights = f"backbone weights from {file.name} (SHA-256 {job.start[:12]})"
        if start_record:
            record = read_record(file.parent)
            return (
                f"{weights}, which are job {start_record}'s ({record.stage_epochs}): {record.details.get('start', '')}"
            )
        if outputs := foreign_classes(job, context):
            weights += f", but for their classifier of {outputs:,} classes (another one was started anew; no teacher)"
        if average := unread_average(file):
            weights += f", not the moving average of them that lies beside as {average!r}"
        return (
            f"{weights}; the harness does not know on which images they were trained and selected: accuracies may be "
            "optimistic"
        )
    if job.start_job:
        return f"own dense backbone, trained on the training split, job {job.start_job}"
    return "own initialisation"


def start_record_of(job: Job, context: Context) -> str:
    """The dense job that given weights come from, if a record beside them says so and is of these images, or empty."""
    weights = context.inputs.weights
    if not job.start or weights is None:
        return ""
    try:
        if (record := read_record(weights.parent)).method == "dense":
            require_start(weights.parent, weights.name, context.data)
            return weights.parent.name if weights.name in record.details.get("files", {}) else ""
    except BadInput:
        pass  # No record, or one of something else: nothing is known.
    return ""
