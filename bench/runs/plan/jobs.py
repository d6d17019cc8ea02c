"""One record to be made, as a value that names it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields

LEARNING_RATE_FACTORS = (1.0, 0.5, 2.0)
"""Of a job's trials, relative to the rates that its method gives: one search with equal effort for every method."""


@dataclass(frozen=True)
class Job:
    """One record to be made; everything that determines its result is here and in the hash of its id.

    Attributes:
        trials: trainings at different learning rates, of which validation chooses one.
        precision: of the backbone's arithmetic in training.
        start: SHA-256 of the weights the backbone starts from (a file, or the dense job's model); empty: none.
        start_job: id of the dense job that trains the start, empty where a file does.
        source: hash of the method's source and of the ground floor.
        network: SHA-256 of a shipped network that is measured as it is; empty: one is trained.
        micro_batch: images of a training batch that are forwarded together; 0: all.
        train_size: height and width of training images; 0: those of test images.
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
    start: str
    start_job: str
    source: str
    network: str = ""
    micro_batch: int = 0
    train_size: int = 0

    @property
    def id(self) -> str:
        """Readable, and ending in a hash of all that determines the result.

        What has a default counts only where it differs from it: a new field leaves the ids of older jobs alone.
        """
        defaults = {declared.name: declared.default for declared in fields(self)}
        values = {name: value for name, value in asdict(self).items() if value != defaults[name]}
        digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:10]
        point = "" if self.point is None else f"-p{self.point:g}"
        # Brackets and commas mean something to shells: ``lcnet[price=0]`` lies in ``lcnet-price=0-...``.
        method = re.sub(r"[\[,]", "-", self.method.rstrip("]"))
        return f"{method}-{self.dataset}-{self.backbone}{point}-s{self.seed}-{digest}"
