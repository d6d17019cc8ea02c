"""What is done to a network of one's own: verified, tested, recorded, timed; nothing is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch

from bench.execution.own import OwnNetwork, Spec, make_own
from bench.measurement.conformance.own import IMAGES, POOL, doubts, varied
from bench.measurement.evaluation import evaluate
from bench.measurement.latency import DenseRival, time_network
from bench.networks.backbones import Backbone, build_backbone
from bench.networks.cost import count_backbone
from bench.records import SAMPLES_FILE, SCHEMA_VERSION, Record, read_record, write_record
from bench.records.summary import summarise
from bench.records.times import TIMES_FILE
from bench.runs.context import Context
from bench.runs.phases.recording import describe_data
from bench.runs.phases.times import LARGE, LARGEST_SECONDS, timed_images, with_timing
from bench.runs.phases.timing import Time
from bench.runs.phases.training import TrainAndTest
from bench.runs.plan.jobs import Job
from bench.system import determinism, environment
from bench.system.files import write_atomically


@dataclass(frozen=True)
class MeasureOwn(TrainAndTest):
    """The first phase where nothing is trained: makes the record of a network of one's own."""

    spec: Spec
    weights: Path | None

    def run(self, job: Job, context: Context) -> None:
        """Verifies the network on validation images, tests it and writes its record.

        Raises:
            BadInput: it cannot be made, or fails.
        """
        folder = context.out / job.id
        folder.mkdir(parents=True, exist_ok=True)
        network, data = loaded(job, self.spec, self.weights, context), context.data
        pool = data.normalise(data.validation.first(POOL).images.to(context.device))
        said = doubts(network, varied(network, pool))
        samples = evaluate(network, data, data.test).samples
        write_atomically(folder / SAMPLES_FILE, lambda path: samples.to_parquet(path, index=False))
        start = f"network {job.method} of one's own{_weights(self.weights, job)}, trained on images that are not known"
        record = _record(job, network, cast(Any, summarise(samples, network.backbone_cost.total)), context)
        told = {"start": start, "warnings": _unsaid(said)}
        reasons, details = "; ".join(said), record.details | told
        write_record(folder, replace(record, valid=not said, invalid_reasons=reasons, details=details))


@dataclass(frozen=True)
class TimeOwn(Time):
    """Times a network of one's own, in turns with the dense backbone."""

    spec: Spec
    weights: Path | None

    def run(self, job: Job, context: Context) -> None:
        """Adds times to its record."""
        folder = context.out / job.id
        network = loaded(job, self.spec, self.weights, context)
        images = context.data.normalise(timed_images(job, context.data)).to(context.device)
        patience = {"max_seconds": LARGEST_SECONDS} if images.shape[-1] > LARGE else {}
        rival = DenseRival(_backbone(job, context).to(context.device))
        timing = time_network(cast(Any, network), rival, images, torch.get_num_threads(), **patience)
        write_atomically(folder / TIMES_FILE, timing.save_raw)
        write_record(folder, with_timing(read_record(folder), timing, context))


def loaded(job: Job, spec: Spec, weights: Path | None, context: Context) -> OwnNetwork:
    """The network on the device of ``context``."""
    classes = len(context.data.classes)
    network = OwnNetwork(job.method, make_own(spec, weights, classes), classes, count_backbone(_backbone(job, context)))
    return network.to(context.device)


def _backbone(job: Job, context: Context) -> Backbone:
    """What it is set beside; for its cost and its time its weights do not matter."""
    return build_backbone(job.backbone, len(context.data.classes), job.dataset)


def _weights(file: Path | None, job: Job) -> str:
    return f" with the weights in {file.name} (SHA-256 {job.network[:12]})" if file else ""


def _unsaid(said: list[str]) -> list[str]:
    return [] if said else [f"its MACs were compared with an independent counter on {IMAGES} validation images alone"]


def _record(job: Job, network: OwnNetwork, numbers: Any, context: Context) -> Record:
    described = environment.describe(context.device)
    return Record(
        schema_version=SCHEMA_VERSION,
        method=job.method,
        dataset=job.dataset,
        backbone=job.backbone,
        seed=job.seed,
        point=None,
        stage_epochs="not known",
        macs_backbone=float(network.backbone_cost.total),
        **numbers,
        params=sum(parameter.numel() for parameter in network.parameters()),
        execution=network.execution,
        executor=network.executor,
        device=context.device.type,
        threads=torch.get_num_threads(),
        precision="float32",
        command=context.settings.command,
        **cast(Any, environment.provenance(described)),
        details={
            "environment": described,
            "config": asdict(job),
            "data": describe_data(context.data),
            "placement": context.placement(),
            "determinism": determinism.describe(),
        },
    )
