"""The training options that all methods of a comparison share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, whatever its method.

    Attributes:
        distillation: weight of the dense network's softened outputs in the task's loss (Hinton et al.,
            arXiv 1503.02531), 0 to 1; the rest is cross-entropy with the labels.
        temperature: of the softened outputs.
        label_smoothing: share of the cross-entropy's target that is spread over all classes, 0 to 1 (Szegedy et al.,
            arXiv 1512.00567).
        precision: of the backbone's arithmetic in training: ``float32``, or ``bfloat16`` by autocast, with weights,
            decisions and losses in float32. Validation and tests are always float32.
        micro_batch: images of a batch that are forwarded together (:mod:`bench.training.accumulation`); 0: all of them.
    """

    batch_size: int = 128
    distillation: float = 0.5
    temperature: float = 4.0
    label_smoothing: float = 0.0
    precision: str = "float32"
    micro_batch: int = 0
