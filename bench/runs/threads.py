"""The threads that a run's jobs compute with."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from bench.networks.backbones import build_backbone
from bench.networks.cost import count_backbone
from bench.runs.plan.jobs import Job
from bench.system.threads import SMALL_STEP_MACS, are_given, threads_for, usable_cores


def use_threads(jobs: Iterable[Job]) -> None:
    """Sets the number of this process's threads by its largest training, unless the user gave a number."""
    if are_given():
        return
    steps = [step_macs(job) for job in jobs if job.epochs]
    cores = min(torch.get_num_threads(), usable_cores())
    torch.set_num_threads(threads_for(max(steps, default=SMALL_STEP_MACS), cores))


def step_macs(job: Job) -> int:
    """MACs of the forward pass of one training step: of the whole batch, through the dense backbone."""
    backbone = build_backbone(job.backbone, classes=10, dataset=job.dataset)
    scale = (job.train_size / backbone.image_shape[-1]) ** 2 if job.train_size else 1.0
    return int((job.micro_batch or job.batch_size) * scale * count_backbone(backbone).total)
