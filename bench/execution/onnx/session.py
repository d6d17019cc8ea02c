"""Exported models in ONNX Runtime."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bench.errors import BadInput
from bench.execution.onnx.decisions import LOGITS
from bench.execution.onnx.writing import IMAGES, missing_packages


class Session:
    """A model on the CPU, with as many threads as are said; whether it takes one image or many is the model's.

    Args:
        model: the content of a file.

    Raises:
        BadInput: ONNX Runtime is not installed, or does not take the model.
    """

    def __init__(self, model: bytes, threads: int):
        if reason := missing_packages():
            raise BadInput(reason)
        import onnxruntime

        self.threads = threads
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        try:
            self.session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its own kinds, which have no common base
            raise BadInput(f"ONNX Runtime does not take the model: {error}") from error
        self.names = [output.name for output in self.session.get_outputs()]
        self.takes_one = self.session.get_inputs()[0].shape[0] == 1

    def run(self, images: Tensor) -> dict[str, Tensor]:
        """Images ``[N, 3, H, W]`` to all outputs by their names, one image at a time where the model takes one."""
        parts = [self.session.run(self.names, _fed(part)) for part in self._parts(images)]
        columns = ([torch.from_numpy(part) for part in column] for column in zip(*parts))
        return {name: torch.cat(column) for name, column in zip(self.names, columns)}

    def predict(self, images: Tensor) -> Tensor:
        """Images ``[N, 3, H, W]`` to logits ``[N, classes]`` alone."""
        parts = [torch.from_numpy(self.session.run([LOGITS], _fed(part))[0]) for part in self._parts(images)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _parts(self, images: Tensor) -> tuple[Tensor, ...]:
        return images.split(1) if self.takes_one and len(images) > 1 else (images,)


def _fed(images: Tensor) -> dict[str, Any]:
    return {IMAGES: images.contiguous().numpy()}
