"""Networks with weights and activations in int8, after training, in ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from bench.errors import BadInput
from bench.execution.onnx.decisions import decided_by
from bench.execution.onnx.executor import OnnxNetwork
from bench.execution.onnx.writing import IMAGES
from bench.networks.cascade import Cascade
from bench.networks.network import DynamicNetwork


class _Batches:
    """Images as ONNX Runtime's calibration asks for them."""

    def __init__(self, batches: Iterable[Tensor]):
        self.batches = iter(batches)

    def get_next(self) -> dict[str, Any] | None:
        images = next(self.batches, None)
        return None if images is None else {IMAGES: images.contiguous().numpy()}


def write_quantised(model: Any, batches: Iterable[Tensor], path: Path) -> None:
    """Writes ``model`` with int8 weights, per channel, and uint8 activations between their extremes on some images.

    Weights take seven of their bits: without VNNI, x86 adds two products of full range in sixteen, which overflow.

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
            reduce_range=True,
        )
    finally:
        logging.disable(disabled)


class QuantisedNetwork(OnnxNetwork):
    """A network that decides nothing, in int8; as many MACs as in float32.

    Args:
        network: on the CPU; not changed.
        batches: as of :func:`write_quantised`.

    Attributes:
        bytes: of the file in int8.
        float_bytes: of the file in float32.

    Raises:
        BadInput: as :class:`OnnxNetwork`, or a network that decides something.
    """

    def __init__(self, network: DynamicNetwork | Cascade, batches: Iterable[Tensor]):
        require_static(network)
        super().__init__(network)
        import onnx

        self.float_bytes = len(self.model)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "int8.onnx"
            write_quantised(onnx.load_model_from_string(self.model), batches, path)
            self.model = path.read_bytes()
        self.bytes = len(self.model)


def require_static(network: DynamicNetwork | Cascade) -> None:
    """Raises BadInput where ``network`` decides something."""
    if decided_by(network):
        raise BadInput("int8 is for networks that decide nothing, such as dense or l1: scores at thresholds would move")
