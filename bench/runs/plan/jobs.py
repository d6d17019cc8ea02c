"""One record to be made, as a value that names it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

LEARNING_RATE_FACTORS = (1.0, 0.5, 2.0)
"""Of a job's trials, relative to the rates that its method gives: one search with equal effort for every method."""


@dataclass(frozen=True)
class Job:
    """One record to be made; what determines its numbers is here and in the hash of its id.

    Not so the machine, its threads, device, executor and library versions: a job must be found again on another one.
    Records that differ in these alone are repetitions, and say what theirs were.

    Attributes:
        trials: trainings at different learning rates, of which validation chooses one.
        precision: of the backbone's arithmetic in training.
        start: SHA-256 of the weights the backbone starts from (a file, or the dense job's model); empty: none.
        start_job: id of the dense job that trains the start, empty where a file does.
        source: hash of the method's source and of what the harness does to every network, see
            :mod:`bench.methods.identity`.
        network: SHA-256 of a shipped network that is measured as it is; empty: one is trained.
        micro_batch: images of a training batch that are forwarded together; 0: all.
        train_size: height and width of training images; 0: those of test images.
        members: SHA-256 of the trained networks that a cascade is made of; empty: its method trains them.
        tuned: the budget that ``network`` is set to, as in ``0.5 macs`` (of the dense backbone's) or ``0.4 ms``; empty:
            it is measured as it is.
        label_smoothing: share of the labels' weight in training that is spread over all classes.
        mean: of images, per channel, in units of pixels scaled to [0, 1]; empty: the data set's own.
        std: likewise.
        method_version: as its :class:`bench.methods.interface.MethodInfo` has it.
        fine_tuning_lr: of a backbone that starts from trained weights, at batch 128; 0: as everywhere.
    """

    method: str
    dataset: str
    backbone: str
    point: float | None
    seed: int
    epochs: int
    batch_size: int
    distillation: float
    trials: int
    precision: str
    start: str = ""
    start_job: str = ""
    source: str = ""
    network: str = ""
    micro_batch: int = 0
    train_size: int = 0
    members: tuple[str, ...] = ()
    tuned: str = ""
    label_smoothing: float = 0.0
    method_version: int = 1
    fine_tuning_lr: float = 0.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self):
        for name in ("members", "mean", "std"):  # which JSON holds as lists
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def id(self) -> str:
        """Readable, and ending in a hash of all that determines the result.

        What has a default counts only where it differs from it: a new field leaves the ids of older jobs alone.
        """
        defaults = {declared.name: declared.default for declared in fields(self)}
        values = {name: value for name, value in asdict(self).items() if value != defaults[name]}
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
