"""The form in which a trained network is tested and timed."""

from __future__ import annotations

from typing import Any

from bench.execution import Inference, to_inference
from bench.execution.onnx import QuantisedNetwork
from bench.networks.network import DynamicNetwork
from bench.runs.context import Context
from bench.runs.plan.jobs import Job
from bench.zoo.calibration_images import CALIBRATION_IMAGES, calibration_batches


def form_of(job: Job, network: DynamicNetwork, context: Context) -> Inference:
    """What a deployment would run: quantised where the job says so, else in the executor that was asked for.

    Raises:
        BadInput: a network that cannot run so.
    """
    if job.quantised:
        return QuantisedNetwork(network, calibration_batches(context.data))
    return to_inference(network, context.settings.execution.executor, job.inference_precision)


def form_columns(job: Job, form: Inference) -> dict[str, Any]:
    """The columns of a record that its form determines; a quantised network is an entry with a name of its own."""
    columns: dict[str, Any] = {"execution": form.execution, "executor": form.executor}
    if job.quantised:
        columns |= {"method": f"{job.method} ({job.quantised})", "precision": job.quantised}
    return columns


def form_details(job: Job, form: Inference, context: Context) -> dict[str, Any]:
    """For the record: which network was quantised, and how large both files are."""
    if not isinstance(form, QuantisedNetwork):
        return {}
    folder, record = context.inputs.shipped[job.id]
    return {
        "quantised_from": {
            "job": folder.name,
            "sha256": job.network,
            "method": record.method,
            "top1": record.top1,
        },
        "quantised": {
            "bytes": form.bytes,
            "float_bytes": form.float_bytes,
            "calibration_images": min(CALIBRATION_IMAGES, len(context.data.train)),
        },
    }
