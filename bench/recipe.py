"""Training options, each described once.

The command line, suite files, Python, the ids of jobs and the reference page take them from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.choices import PRECISIONS
from bench.system.options import option, options_of

LEARNING_RATE_FACTORS = (1.0, 0.5, 2.0)
"""Of a job's trials, relative to the rates that its method gives: one search with equal effort for every method."""
MOST_EPOCHS = 1_000_000
"""More are taken for a mistake."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How networks are trained, whatever their method.

    Distillation is Hinton's (arXiv 1503.02531), label smoothing Szegedy's (arXiv 1512.00567). In ``bfloat16``, by
    autocast, weights, decisions and losses stay float32; validation and tests are always float32. A new option is a
    new line here.
    """

    epochs: int = option(
        None,
        "Of every method; 0 evaluates what is given. Default: by data set and budget.",
        at_least=0,
        at_most=MOST_EPOCHS,
        off=0,
    )
    distillation: float = option(0.5, "Weight of the dense network's outputs.", at_least=0, at_most=1, off=0.0)
    label_smoothing: float = option(
        0.0, "Share of the labels' weight that is spread over all classes.", at_least=0, at_most=1
    )
    trials: int = option(
        1,
        "Trainings per record at other learning rates, of which validation chooses one.",
        at_least=1,
        at_most=len(LEARNING_RATE_FACTORS),
    )
    precision: str = option("float32", "Of training; tests are float32.", choices=PRECISIONS)
    fine_tuning_lr: float = option(
        None,
        "Peak SGD learning rate of a backbone that starts from trained weights, for batches of 128. Default: by data "
        "set and budget, mostly 0.02.",
        at_least=1e-6,
        at_most=10,
        off=0.0,
    )
    bounds: float = option(
        0.0,
        "Weight of bounds that hold the computed share of every block near the mean of all during the first third.",
        at_least=0,
    )
    batch_size: int = option(None, "Of training. Default: by data set and budget.", at_least=1, off=0)
    micro_batch: int = option(
        None,
        "Images of a batch that are forwarded together: less memory, and what torchrun's processes share. 0: all. "
        "Default: by data set and budget.",
        at_least=0,
        off=0,
    )
    train_size: int = option(
        None,
        "Pixels of training images (imagenet, folder, timm). 0: as tested. Default: by data set and budget.",
        at_least=0,
        off=0,
    )


UNTRAINED: dict[str, Any] = {name: described.off for name, described in options_of(Recipe).items()}
"""The recipe of a job that trains nothing."""
