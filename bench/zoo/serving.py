"""Servers of trained networks, and what they do without load."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from bench.errors import BadInput
from bench.execution import to_inference
from bench.measurement.energy import Meter
from bench.measurement.load import Policy, Server, feed
from bench.records import read_samples
from bench.zoo.loading import load_network
from bench.zoo.stress.subjects import Subject

ROUNDS, IDLE, APART = 5, 200, 5
"""How often all images are timed in a row; how many find the server idle, and so many mean services lie between them.

A server that sleeps for longer than it does at low load takes longer to wake."""


@dataclass(frozen=True)
class Alone:
    """What a server does without load.

    Attributes:
        services: seconds that each image occupies it, where others wait.
        between: of these, seconds between two answers: taking the next request, noting the answer.
        wake: seconds more for a request that finds it idle.
        cold_start_s: until it can answer.
        energy_mj: millijoules of an image, of all processors; None without a meter.
    """

    services: NDArray[np.float64]
    between: float
    wake: float
    cold_start_s: float
    energy_mj: float | None


@dataclass(frozen=True)
class Serving:
    """A trained network with the images that it is asked about, ``[N, 3, H, W]``, normalised."""

    subject: Subject
    images: Tensor
    executor: str

    def outcomes(self) -> pd.DataFrame:
        """What the record says of these images."""
        return read_samples(self.subject.folder).head(len(self.images))

    def ways(self) -> list[int]:
        """Which way each image goes by the record: blocks executed, and the answer that it takes.

        Nobody knows it before an image was looked at. So grouping by it is what a perfect prediction would bring.
        """
        outcomes = self.outcomes()
        told = [name for name in outcomes if name == "exit" or name.startswith("executed_")]
        return outcomes.groupby(told).ngroup().tolist() if told else [0] * len(outcomes)

    def start(self, requests: int, policy: Policy) -> Server:
        """A server that can answer.

        Raises:
            BadInput: it does not come up.
        """
        load = partial(predictor, self.subject.folder, self.executor)
        try:
            return Server(load, self.images, requests, policy, self.ways() if policy.alike else ())
        except RuntimeError as error:
            raise BadInput(f"{self.subject.job}: {error}") from error

    def alone(self, meter: Meter) -> Alone:
        """What a fresh server does without load.

        Raises:
            BadInput: it does not answer.
        """
        count, begin = len(self.images), time.perf_counter()
        server = self.start(ROUNDS * count + IDLE, Policy())
        cold = time.perf_counter() - begin
        try:
            joules = meter.joules(lambda: feed(server, np.zeros(ROUNDS * count)))
            ends = server.ended[: ROUNDS * count].numpy()
            gaps = np.diff(ends, prepend=np.nan).reshape(ROUNDS, count)
            services, spent = np.nanmedian(gaps, 0), (server.ended - server.begun)[: ROUNDS * count].numpy()
            idle = feed(server, APART * services.mean() * np.arange(IDLE), ROUNDS * count)
            wake = max(0.0, float(np.median(idle.latency - np.resize(services, IDLE))))  # of the same images
            between = max(0.0, float(np.nanmedian(gaps.ravel() - spent)))
            energy = None if joules is None else 1000 * joules / (ROUNDS * count)
            return Alone(services, between, wake, cold, energy)
        except RuntimeError as error:
            raise BadInput(f"{self.subject.job}: {error}") from error
        finally:
            server.stop()


def predictor(folder: Path, executor: str) -> Callable[[Tensor], Tensor]:
    """What the network of a job's folder says to images ``[n, 3, H, W]``: logits."""
    return to_inference(load_network(folder), executor).predict
