"""The record, joined from its parts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

import pandas as pd
import torch

from bench.data import DataSet
from bench.data.recorded import gate_warnings
from bench.methods import load_method
from bench.methods.interface import Method, Reported, split_parameters
from bench.networks.cascade import parts_of
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.records import SCHEMA_VERSION, Record
from bench.records.points import misses_point, point_tolerance
from bench.records.summary import summarise
from bench.runs.context import Context
from bench.runs.phases.start import start_note, start_record_of, starting_backbone
from bench.runs.phases.trials import Trial
from bench.runs.plan.jobs import Job
from bench.system import determinism, environment


def record_of(job: Job, trial: Trial, samples: pd.DataFrame, context: Context) -> Record:
    """The record of a job: what it was, what was measured, where and how.

    Args:
        samples: outcome of each test image.
    """
    backbone_macs = count_backbone(starting_backbone(job, context)).total
    numbers = summarise(samples, backbone_macs)
    described, start_record = environment.describe(context.device), start_record_of(job, context)
    # What was published is about the whole data set.
    reported = None if context.data.is_subset else _reported(load_method(job.method), job, backbone_macs)
    return Record(
        schema_version=SCHEMA_VERSION,
        method=job.method,
        dataset=job.dataset,
        backbone=job.backbone,
        point=job.point,
        seed=job.seed,
        stage_epochs=trial.stage_epochs,
        macs_backbone=float(backbone_macs),
        **cast(Any, numbers),
        params=sum(parameter.numel() for parameter in trial.network.parameters()),
        execution="skipped",
        device=context.device.type,
        threads=torch.get_num_threads(),
        precision=job.inference_precision,
        reported_top1=reported.top1 if reported else None,
        reported_macs=reported.macs if reported else None,
        reported_source=reported.source if reported else None,
        command=context.settings.command,
        **cast(Any, environment.provenance(described)),
        details={
            "environment": described,
            "constraints": environment.constraints_met(described["packages"]),
            "config": asdict(job),
            "data": describe_data(context.data),
            "learning_rate_factor": trial.factor,
            "placement": context.placement(),
            "start": start_note(job, context, start_record),
            "start_record": start_record,
            "warnings": _warnings(job, samples, numbers["macs_fraction"], trial.network),
            "determinism": determinism.describe(),
        },
    )


def describe_data(data: DataSet) -> dict[str, Any]:
    """Which images, for the record."""
    return {
        "note": data.note,
        "title": data.title,
        "outputs": len(data.classes),
        "fingerprint": data.fingerprint(),
        "mean": list(data.mean),
        "std": list(data.std),
    }


def _reported(method: Method, job: Job, backbone_macs: int) -> Reported | None:
    """The published result for this data set and backbone whose cost is nearest to the operating point."""
    mine = [one for one in method.info.reported if (one.dataset, one.backbone) == (job.dataset, job.backbone)]
    wanted = backbone_macs * (1.0 if job.point is None else job.point)
    return min(mine, key=lambda one: abs((one.macs or 0) - wanted), default=None)


def _warnings(job: Job, samples: pd.DataFrame, fraction: float, network: DynamicNetwork) -> list[str]:
    """What a reader must know before trusting the row."""
    gates = len(split_parameters(network)[1])
    of_exits = sum(len(list(part.exits.parameters())) for part in parts_of(network) if part.exits is not None)
    warnings = gate_warnings(samples, gated=gates > of_exits)
    if job.point is not None and misses_point(fraction, job.point):
        tolerance = point_tolerance(job.point)
        missed = f"missed its operating point: {fraction:.3f} instead of {job.point:g} +- {tolerance:g}"
        warnings.insert(0, missed)
    return warnings
