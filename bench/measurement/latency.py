"""Latency and throughput of a dynamic network against the best dense form of its backbone, in one process."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from bench.errors import BadInput
from bench.execution import Inference, to_inference
from bench.execution.precision import products
from bench.measurement.clock import Measurement, measure, threads
from bench.measurement.dense import COMPILED, PACKED, Predict, dense_forms
from bench.networks.blocks import Backbone
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.records import COLUMNS

THROUGHPUT_BATCH = 64
DENSE, SAME_EXECUTOR, DYNAMIC = "dense", "dense in the same executor", "dynamic"


@dataclass(frozen=True)
class Timing:
    """What was timed on one set of images.

    Latencies are percentiles over all raw values of batch 1, throughputs images per second at the median time of a
    batch. Speed-ups are ratios of the time for all images, paired by round: over the best stock form of the dense
    backbone, and over the dense backbone in the very executor that runs the network, so that what skipping brings is
    not mixed with what better kernels bring. ``raw`` holds the times in milliseconds, ``[rounds, batches]``, and the
    load by other programs, ``[rounds]``.
    """

    latency_ms_p50: float
    latency_ms_p90: float
    latency_ms_p99: float
    throughput_ips: float
    dense_latency_ms_p50: float
    dense_throughput_ips: float
    speedup_theoretical: float
    speedup_latency: float
    speedup_throughput: float
    speedup_latency_same_executor: float
    speedup_throughput_same_executor: float
    realised_latency: float
    realised_throughput: float
    dense_form_latency: str
    dense_form_throughput: str
    dense_forms_left_out: dict[str, str]
    executor: str
    execution: str
    device: str
    threads: int
    images: int
    rounds_latency: int
    rounds_throughput: int
    invalid_reasons: list[str]
    raw: dict[str, np.ndarray] = field(repr=False)

    @property
    def valid(self) -> bool:
        return not self.invalid_reasons

    def columns(self) -> dict[str, Any]:
        """Its part of a record's columns.

        Device, executor and theoretical speed-up of a record are those of the test on all its images.
        """
        other = {"device", "executor", "execution", "speedup_theoretical"}
        shared = {name: value for name, value in vars(self).items() if name in COLUMNS and name not in other}
        return shared | {"valid": self.valid, "invalid_reasons": "; ".join(self.invalid_reasons)}

    def summary(self) -> dict:
        """Everything but the raw values, fit for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "raw"} | {"valid": self.valid}

    def save_raw(self, path: Path) -> None:
        """Writes the raw values as a compressed ``.npz``."""
        with path.open("wb") as file:
            np.savez_compressed(file, **cast(Any, self.raw))


class DenseRival:
    """The dense backbone that networks are timed against, in whatever form is fastest for a size of batch.

    Forms are made, compiled and raced once; every network timed against one rival takes turns with the same forms.
    What values the weights have does not matter for time.

    Args:
        backbone: at full width, on the device where time is taken; not changed.
        compile: whether ``torch.compile`` is among the forms.
        precision: what it computes in, as the networks that are timed against it do.
    """

    def __init__(self, backbone: Backbone, compile: bool = True, precision: str = "float32"):
        self.macs, self.precision = count_backbone(backbone).total, precision
        self.forms = dense_forms(backbone, compile, precision)
        self.network = DynamicNetwork(copy.deepcopy(backbone))
        self.by_executor = {"torch": self.forms[PACKED]}
        self.left_out: dict[str, str] = {}
        self.fastest: dict[int, str] = {}

    def in_executor(self, name: str) -> Predict:
        """The dense backbone in the executor ``name``, made where it is first asked for."""
        if name not in self.by_executor:
            self.by_executor[name] = to_inference(self.network, name, self.precision).predict
        return self.by_executor[name]

    def best(self, batches: Sequence[Tensor], seconds: float = 2.0) -> str:
        """The name of the form that is fastest on batches of this size, by a short race at the first call.

        By the lower quartile: what disturbs a race only adds to its times. Slow forms race until each has had its
        rounds: one round tells nothing.
        """
        size = len(batches[0])
        if size not in self.fastest:
            self._leave_out_what_cannot_compile(batches[0])
            race = measure(self.forms, batches[:8], seconds, min_rounds=5, max_seconds=60.0)
            self.fastest[size] = min(self.forms, key=lambda name: race.percentile(name, 25))
        return self.fastest[size]

    def _leave_out_what_cannot_compile(self, batch: Tensor) -> None:
        """A machine without a C++ compiler has no compiled form; the record says so."""
        if COMPILED not in self.forms:
            return
        try:
            self.forms[COMPILED](batch)
        except RuntimeError as error:
            del self.forms[COMPILED]
            self.left_out[COMPILED] = str(error).strip().split("\n", 1)[0]


def too_few_images(count: int) -> str:
    """Why ``count`` images are too few to time anything; empty where they are enough."""
    return f"timing needs at least {THROUGHPUT_BATCH} test images, not {count}" if count < THROUGHPUT_BATCH else ""


def time_network(
    network: Inference,
    rival: DenseRival,
    images: Tensor,
    threads_used: int,
    seconds: float = 3.0,
    max_seconds: float | None = None,
) -> Timing:
    """Times ``network`` against the best dense form of ``rival`` on the same images, on their device.

    Args:
        images: normalised, ``[N, 3, H, W]``; each is timed equally often. A multiple of 64 fills the batches evenly.
        threads_used: threads of a CPU's operators.
        seconds: for each of the two modes, behind warm-up and the search for the best dense form.
        max_seconds: at most so long, should rounds be slow; by default four times ``seconds``.

    Raises:
        BadInput: fewer images than one batch of 64.
    """
    if reason := too_few_images(len(images)):
        raise BadInput(reason)
    batches = {1: images.split(1), THROUGHPUT_BATCH: _whole_batches(images)}
    with threads(threads_used), products(rival.precision):
        theoretical = speedup_theoretical(network, rival.macs, images)
        forms = {size: rival.best(parts) for size, parts in batches.items()}
        measured = {}
        for size, parts in batches.items():
            contestants = {
                DENSE: rival.forms[forms[size]],
                SAME_EXECUTOR: rival.in_executor(network.executor),
                DYNAMIC: network.predict,
            }
            measured[size] = measure(contestants, parts, seconds, max_seconds=max_seconds)
    return _timing(measured, forms, theoretical, rival, _circumstances(network, images, threads_used))


@torch.inference_mode()
def speedup_theoretical(network: Inference, dense_macs: int, images: Tensor) -> float:
    """MACs of the dense backbone relative to the mean over exactly these images, gates included."""
    macs = [network.cost(network(part)).total for part in images.split(THROUGHPUT_BATCH)]
    return dense_macs / float(torch.cat(macs).mean())


def _whole_batches(images: Tensor) -> list[Tensor]:
    """Batches of exactly 64; the last one begins earlier where the images do not come out even."""
    starts = range(0, len(images), THROUGHPUT_BATCH)
    return [images[min(start, len(images) - THROUGHPUT_BATCH) :][:THROUGHPUT_BATCH] for start in starts]


def _timing(
    measured: dict[int, Measurement],
    forms: dict[int, str],
    theoretical: float,
    rival: DenseRival,
    circumstances: dict[str, Any],
) -> Timing:
    one, many = measured[1], measured[THROUGHPUT_BATCH]
    speedup_one, speedup_many = one.speedup(DENSE, DYNAMIC), many.speedup(DENSE, DYNAMIC)
    return Timing(
        latency_ms_p50=one.percentile(DYNAMIC, 50),
        latency_ms_p90=one.percentile(DYNAMIC, 90),
        latency_ms_p99=one.percentile(DYNAMIC, 99),
        throughput_ips=1e3 * THROUGHPUT_BATCH / many.percentile(DYNAMIC, 50),
        dense_latency_ms_p50=one.percentile(DENSE, 50),
        dense_throughput_ips=1e3 * THROUGHPUT_BATCH / many.percentile(DENSE, 50),
        speedup_theoretical=theoretical,
        speedup_latency=speedup_one,
        speedup_throughput=speedup_many,
        speedup_latency_same_executor=one.speedup(SAME_EXECUTOR, DYNAMIC),
        speedup_throughput_same_executor=many.speedup(SAME_EXECUTOR, DYNAMIC),
        realised_latency=speedup_one / theoretical,
        realised_throughput=speedup_many / theoretical,
        dense_form_latency=forms[1],
        dense_form_throughput=forms[THROUGHPUT_BATCH],
        dense_forms_left_out=rival.left_out,
        rounds_latency=one.rounds,
        rounds_throughput=many.rounds,
        invalid_reasons=invalid_reasons("latency", one) + invalid_reasons("throughput", many),
        raw=_raw("latency", one) | _raw("throughput", many),
        **circumstances,
    )


def _circumstances(network: Inference, images: Tensor, threads_used: int) -> dict[str, Any]:
    """What was timed, how and on what, as columns."""
    return {
        "executor": network.executor,
        "execution": network.execution,
        "device": str(images.device),
        "threads": threads_used,
        "images": len(images),
    }


def invalid_reasons(mode: str, measurement: Measurement) -> list[str]:
    """Why a mode's speed-ups must not be trusted: over the best dense form, and over dense in the same executor."""
    found = [reason for other in (DENSE, SAME_EXECUTOR) for reason in measurement.invalid_reasons(other, DYNAMIC)]
    return [f"{mode}: {reason}" for reason in dict.fromkeys(found)]


def _raw(mode: str, measurement: Measurement) -> dict[str, np.ndarray]:
    times = {f"{mode}_{name.replace(' ', '_')}_ms": values for name, values in measurement.milliseconds.items()}
    return times | {f"{mode}_foreign": measurement.foreign}
