"""Latency and throughput of a dynamic network against the best dense form of its backbone, in one process."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.backbones.residual import Backbone
from bench.clock import Measurement, measure, threads
from bench.dense_forms import Predict, dense_forms
from bench.dynamic.network import DynamicNetwork
from bench.dynamic.skipping import SkippingNetwork, skip
from bench.errors import BadInput

THROUGHPUT_BATCH = 64
DENSE, DYNAMIC = "dense", "dynamic"


@dataclass(frozen=True)
class Timing:
    """What was timed on one set of images.

    Latencies are percentiles over all raw values of batch 1, throughputs images per second at the median time of a
    batch. Speed-ups are ratios of the time for all images, paired by round. ``raw`` holds the times in milliseconds,
    ``[rounds, batches]``, and the load by other programs, ``[rounds]``.
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
    realised_latency: float
    realised_throughput: float
    dense_form_latency: str
    dense_form_throughput: str
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

    def summary(self) -> dict:
        """Everything but the raw values, fit for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "raw"} | {"valid": self.valid}

    def save_raw(self, path: Path) -> None:
        """Writes the raw values as a compressed ``.npz``."""
        with path.open("wb") as file:
            np.savez_compressed(file, **self.raw)


def time_network(
    network: DynamicNetwork,
    backbone: Backbone,
    images: Tensor,
    device: torch.device,
    threads_used: int,
    seconds: float = 5.0,
    compile: bool = True,
) -> Timing:
    """Times ``network``, skipping, against the best dense form of ``backbone`` on the same images.

    Args:
        backbone: the dense network to beat, at full width.
        images: normalised, ``[N, 3, H, W]``; each is timed equally often. A multiple of 64 fills the batches evenly.
        threads_used: threads of a CPU's operators.
        seconds: for each of the two modes, behind warm-up and the search for the best dense form.
        compile: whether ``torch.compile`` is among the dense forms.

    Raises:
        BadInput: fewer images than one batch of 64.
    """
    if len(images) < THROUGHPUT_BATCH:
        raise BadInput(f"timing needs at least {THROUGHPUT_BATCH} images, not {len(images)}")
    images = images.to(device)
    batches = {1: images.split(1), THROUGHPUT_BATCH: _whole_batches(images)}
    with threads(threads_used):
        skipping = skip(network.to(device))
        dense = dense_forms(backbone.to(device), compile)
        theoretical = speedup_theoretical(skipping, images)
        forms, measured = {}, {}
        for size, parts in batches.items():
            forms[size] = best_dense(dense, parts)
            measured[size] = measure({DENSE: dense[forms[size]], DYNAMIC: skipping.predict}, parts, seconds)
    return _timing(measured, forms, theoretical, skipping, images, threads_used)


def best_dense(forms: dict[str, Predict], batches: list[Tensor], seconds: float = 2.0) -> str:
    """The name of the form that is fastest on ``batches``, by a short race.

    By the lower quartile: what disturbs a race only adds to its times.
    """
    race = measure(forms, batches[:8], seconds, min_rounds=5)
    return min(forms, key=lambda name: race.percentile(name, 25))


@torch.inference_mode()
def speedup_theoretical(network: SkippingNetwork, images: Tensor) -> float:
    """MACs of the dense backbone relative to the mean over exactly these images, gates included."""
    macs = [network.cost(network(part)).total for part in images.split(THROUGHPUT_BATCH)]
    return network.backbone_cost.total / float(torch.cat(macs).mean())


def _whole_batches(images: Tensor) -> list[Tensor]:
    """Batches of exactly 64; the last one begins earlier where the images do not come out even."""
    starts = range(0, len(images), THROUGHPUT_BATCH)
    return [images[min(start, len(images) - THROUGHPUT_BATCH) :][:THROUGHPUT_BATCH] for start in starts]


def _timing(
    measured: dict[int, Measurement],
    forms: dict[int, str],
    theoretical: float,
    skipping: SkippingNetwork,
    images: Tensor,
    threads_used: int,
) -> Timing:
    one, many = measured[1], measured[THROUGHPUT_BATCH]
    speedup_one, speedup_many = one.speedup(DENSE, DYNAMIC), many.speedup(DENSE, DYNAMIC)
    reasons = [f"latency: {reason}" for reason in one.invalid_reasons(DENSE, DYNAMIC)]
    reasons += [f"throughput: {reason}" for reason in many.invalid_reasons(DENSE, DYNAMIC)]
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
        realised_latency=speedup_one / theoretical,
        realised_throughput=speedup_many / theoretical,
        dense_form_latency=forms[1],
        dense_form_throughput=forms[THROUGHPUT_BATCH],
        execution=skipping.execution,
        device=str(images.device),
        threads=threads_used,
        images=len(images),
        rounds_latency=one.rounds,
        rounds_throughput=many.rounds,
        invalid_reasons=reasons,
        raw=_raw("latency", one) | _raw("throughput", many),
    )


def _raw(mode: str, measurement: Measurement) -> dict[str, np.ndarray]:
    times = {f"{mode}_{name}_ms": values for name, values in measurement.milliseconds.items()}
    return times | {f"{mode}_foreign": measurement.foreign}
