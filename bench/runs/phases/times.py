"""Times one network: what :class:`bench.runs.phases.timing.Time` does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import torch

from bench.data import DataSet
from bench.execution import Inference
from bench.measurement.latency import DENSE, DYNAMIC, THROUGHPUT_BATCH, DenseRival, Timing, time_network
from bench.records import SAMPLES_FILE, Record, read_record, require_recorded_file, write_record
from bench.records.times import TIMES_FILE
from bench.records.validity import result_reasons
from bench.runs.context import Context
from bench.runs.phases.form import form_of
from bench.runs.phases.start import starting_backbone
from bench.runs.plan.defaults import defaults_for
from bench.runs.plan.jobs import Job
from bench.system import environment
from bench.system.files import write_atomically
from bench.zoo.loading import load_pretrained

TIMED_IMAGES, LARGE = 256, 64
"""At most so many images are timed, unless they are larger than so many pixels: then a single batch."""
LARGEST_SECONDS = 180.0


def add_times(job: Job, context: Context) -> None:
    """Adds times to a finished job's record; see :meth:`bench.runs.phases.timing.Time.run`."""
    folder = context.out / job.id
    record = read_record(folder)
    require_recorded_file(folder, SAMPLES_FILE, record)  # which the record will be written with once more
    network = load_pretrained(folder, record, len(context.data.classes))
    cast(Any, network).to(context.device, memory_format=torch.channels_last)  # as it was trained and evaluated
    timing = _time(job, form_of(job, network, context), context)
    write_atomically(folder / TIMES_FILE, timing.save_raw)
    write_record(folder, with_timing(record, timing, context))


def _time(job: Job, network: Inference, context: Context) -> Timing:
    """Times ``network`` on the first test images."""
    key = job.backbone, job.inference_precision
    if key not in context.rivals:
        backbone = starting_backbone(job, context).to(context.device)
        context.rivals[key] = DenseRival(backbone, precision=job.inference_precision)
    images = context.data.normalise(timed_images(job, context.data)).to(context.device)
    # Rounds of large images take long, and fewer than the minimum are worth nothing.
    patience = {"max_seconds": LARGEST_SECONDS} if images.shape[-1] > LARGE else {}
    return time_network(network, context.rivals[key], images, torch.get_num_threads(), **patience)


def timed_images(job: Job, data: DataSet) -> torch.Tensor:
    """The first test images: as many as fill a few batches, of large ones a single batch."""
    images = data.test.first(THROUGHPUT_BATCH).images
    if images.shape[-1] > LARGE:
        return images
    return data.test.first(min(TIMED_IMAGES, defaults_for(job.dataset).timed_images)).images


def with_timing(record: Record, timing: Timing, context: Context) -> Record:
    """The record with its times; what made it invalid before stays said."""
    described = environment.describe(context.device)
    rounds = {
        "method": timing.raw[f"latency_{DYNAMIC}_ms"].mean(1).tolist(),
        "dense": timing.raw[f"latency_{DENSE}_ms"].mean(1).tolist(),
    }
    more = {"latency_rounds_ms": rounds, "environment": described, "placement": context.placement()}
    # Threads are those of the timing: training may have run with fewer, beside others (``details``: ``placement``).
    said, columns = result_reasons(record), timing.columns()
    if said:
        columns |= {"valid": False, "invalid_reasons": "; ".join([*said, *timing.invalid_reasons])}
    return replace(record, **columns, details=record.details | {"timing": timing.summary() | more})
