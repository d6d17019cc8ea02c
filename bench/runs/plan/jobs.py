"""One record to be made, as a value that names it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from bench.recipe import LEARNING_RATE_FACTORS, UNTRAINED, Recipe
from bench.system.validation import of_declared_kinds


@dataclass(frozen=True, kw_only=True)
class Job(Recipe):
    """One record to be made; what determines its numbers is here and in the hash of its id.

    Its options of training lie beside its other fields, flat, as in ids, records and plans. Not here are the machine,
    its threads, device, executor and library versions: a job must be found again on another one. Records that differ
    in these alone are repetitions, and say what theirs were.

    Attributes:
        start: SHA-256 of the weights the backbone starts from (a file, or the dense job's model); empty: none.
        start_job: id of the dense job that trains the start, empty where a file does.
        source: hash of the method's source and of what the harness does to every network, see
            :mod:`bench.methods.identity`.
        network: SHA-256 of a shipped network that is measured as it is; empty: one is trained.
        members: SHA-256 of the trained networks that a cascade is made of; empty: its method trains them.
        tuned: the budget that ``network`` is set to, as in ``0.5 macs`` (of the dense backbone's) or ``0.4 ms``; empty:
            it is measured as it is.
        inference_precision: what it is tested and timed in.
        quantised: ``int8``, and ``network`` is quantised after training; empty: it is not.
        mean: of images, per channel, in units of pixels scaled to [0, 1]; empty: the data set's own.
        std: likewise.
        method_version: as its :class:`bench.methods.interface.MethodInfo` has it.
    """

    method: str
    dataset: str
    backbone: str
    point: float | None
    seed: int
    start: str = ""
    start_job: str = ""
    source: str = ""
    network: str = ""
    members: tuple[str, ...] = ()
    tuned: str = ""
    inference_precision: str = "float32"
    quantised: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    method_version: int = 1

    def __post_init__(self):
        for name in ("members", "mean", "std"):  # which JSON holds as lists
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Job:
        """The job that a plan holds; what it does not know yet is off.

        Raises:
            TypeError: a field that is missing, unknown or of another kind.
        """
        return of_declared_kinds(cls(**UNTRAINED | dict(values)))

    @property
    def recipe(self) -> Recipe:
        """How it is trained."""
        return Recipe(**{name: getattr(self, name) for name in UNTRAINED})

    @property
    def id(self) -> str:
        """Readable, and ending in a hash of all that determines the result.

        What is off, or has its default, does not count: a new field leaves the ids of older jobs alone.
        """
        neutral = {declared.name: declared.default for declared in fields(self)} | UNTRAINED
        values = {name: value for name, value in asdict(self).items() if value != neutral[name]}
        if self.trials > 1:
            values["learning_rate_factors"] = LEARNING_RATE_FACTORS[: self.trials]
        digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:10]
        point = "" if self.point is None else f"-p{self.point:g}"
        # Brackets and commas mean something to shells: ``lcnet[price=0]`` lies in ``lcnet-price=0-...``.
        method = re.sub(r"[\[,]", "-", self.method.rstrip("]"))
        return f"{method}-{self.dataset}-{self.backbone}{point}-s{self.seed}-{digest}"


def distinct(jobs: Iterable[Job]) -> list[Job]:
    """The jobs in their order, each once: a job's id tells its result."""
    found: dict[str, Job] = {}
    for job in jobs:
        found.setdefault(job.id, job)
    return list(found.values())
