"""ONNX models with weights and activations in int8, after training."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor

from bench.execution.onnx.writing import IMAGES


class _Batches:
    """Images as ONNX Runtime's calibration asks for them."""

    def __init__(self, batches: Iterable[Tensor]):
        self.batches = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        images = next(self.batches, None)
        return None if images is None else {IMAGES: images.contiguous().numpy()}


def write_quantised(model: Any, batches: Iterable[Tensor], path: Path) -> None:
    """Writes ``model`` with int8 weights, per channel, and uint8 activations between their extremes on some images.

    Args:
        model: an ``onnx.ModelProto`` without branches; not changed.
        batches: normalised, ``[n, 3, H, W]``; of training images, so that nothing is learnt of others.
    """
    from onnxruntime.quantization import QuantType, quantize_static

    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)  # it advises a preparation that an exported model has behind it
    try:
        quantize_static(
            type(model).FromString(model.SerializeToString()),
            str(path),
            _Batches(batches),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        logging.disable(disabled)
