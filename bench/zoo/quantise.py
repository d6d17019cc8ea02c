"""A static network in int8 beside itself in float32: what is tried first where a network is too slow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from bench.data import Split
from bench.execution.onnx import Session, require_static, to_onnx, write_quantised
from bench.measurement.clock import measure
from bench.system.files import write_atomically
from bench.zoo.calibration_images import calibration_batches
from bench.zoo.export import Trained

TIMED_IMAGES, TIMING_S = 64, 3.0


@dataclass(frozen=True)
class Form:
    """A network in one arithmetic: file size, accuracy on validation images, time of one image."""

    name: str
    bytes: int
    top1: float
    milliseconds: float

    def __str__(self) -> str:
        return f"{self.name}: {self.bytes:,} bytes, top-1 {self.top1:.2f} %, {self.milliseconds:.3f} ms"


@dataclass(frozen=True)
class Quantised:
    """Both forms, on how many validation images, and why their times must not be trusted."""

    forms: tuple[Form, Form]
    images: int
    invalid_reasons: list[str]

    def __str__(self) -> str:
        lines = [str(form) for form in self.forms]
        lines.append(f"accuracy: {self.images:,} validation images; time: the median of one image, both in turns")
        return "\n".join(lines + [f"times are INVALID: {reason}" for reason in self.invalid_reasons])


def quantise(trained: Trained, path: Path, images: int) -> Quantised:
    """Writes a trained network in int8, calibrated on training images, and measures it beside float32.

    Args:
        images: of validation, for the accuracy.

    Raises:
        BadInput: a network that decides something, a package that is missing, or a file that cannot be written.
    """
    require_static(trained.network)
    model = to_onnx(trained.network, branches=False, metadata=trained.metadata(branches=False) | {"precision": "int8"})
    data = trained.data
    write_atomically(path, lambda file: write_quantised(model, calibration_batches(data), file))
    contents = {"float32": model.SerializeToString(), "int8": path.read_bytes()}
    sessions = {name: Session(content, torch.get_num_threads()) for name, content in contents.items()}
    split = data.validation.first(images)
    single = data.normalise(split.first(TIMED_IMAGES).images).split(1)
    times = measure({name: session.predict for name, session in sessions.items()}, single, TIMING_S)
    forms = [
        Form(name, len(content), _top1(sessions[name], trained, split), times.percentile(name, 50))
        for name, content in contents.items()
    ]
    return Quantised((forms[0], forms[1]), len(split), times.invalid_reasons("float32", "int8"))


def _top1(session: Session, trained: Trained, split: Split) -> float:
    """Percent."""
    found = [
        (session.predict(trained.data.normalise(images)).argmax(1) == labels).numpy()
        for images, labels in split.batches(trained.data.evaluation_batch)
    ]
    return 100 * float(np.concatenate(found).mean())
