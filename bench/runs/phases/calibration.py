"""What is set behind the training, from validation images."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from bench.measurement.evaluation import collect_answers
from bench.methods.interface import Method
from bench.networks.cascade import Cascade
from bench.networks.network import DynamicNetwork
from bench.runs.context import Context
from bench.runs.plan.jobs import Job
from bench.zoo.members import describe_members
from bench.zoo.tune import Budget, Knob


def calibrated(job: Job, method: Method, network: DynamicNetwork, context: Context, dense_macs: float) -> dict:
    """Sets what is set behind the training, from validation images; what that was, for the record.

    A shipped network is measured as it is.
    """
    if job.network:
        known = context.inputs.shipped[job.id][1].details
        carried = {name: known[name] for name in ("calibration", "members", "tuned_from") if name in known}
        return carried | (_tuned(job, network, context, dense_macs) if job.tuned else {})
    answers = partial(collect_answers, network, context.data, context.data.validation, dense_macs)
    described = [context.inputs.shipped[member] for member in job.members]
    calibration = method.finish(network, job.point, answers)
    if not isinstance(network, Cascade):
        return {"calibration": calibration} if calibration else {}
    kept = describe_members(described) if described else [asdict(member) for member in network.described]
    if described:
        kept = [kept[number] for number in calibration["members"]]
    return {"calibration": calibration, "members": kept}


def _tuned(job: Job, network: DynamicNetwork, context: Context, dense_macs: float) -> dict:
    """Sets the thresholds of a trained network for a budget; what that was, and whose network it is."""
    folder, record = context.inputs.shipped[job.id]
    value, unit = job.tuned.split()
    knob = Knob(network, context.data, dense_macs, context.settings.execution.executor)
    told = knob.set_to(Budget(float(value), unit))
    shape = record.details.get("tuned_from", {}).get("point", record.point)
    return {"calibration": told, "tuned_from": {"job": folder.name, "sha256": job.network, "point": shape}}
