"""Which executor runs a network that has been trained: PyTorch, or one of ours."""

from __future__ import annotations

import warnings

from bench.choices import EXECUTORS
from bench.errors import BadInput, Notice
from bench.execution.native import NativeNetwork, targets, unsupported_reason
from bench.execution.onnx import OnnxNetwork
from bench.execution.precision import unsupported_precision
from bench.execution.skipping import SkippingCascade, SkippingNetwork, lower
from bench.execution.triton import TritonCascade, TritonNetwork
from bench.networks.cascade import Cascade, parts_of
from bench.networks.network import DynamicNetwork

Inference = SkippingNetwork | SkippingCascade | NativeNetwork | TritonNetwork | TritonCascade | OnnxNetwork
"""A network as it runs: ``forward``, ``predict`` and ``cost``, by whatever executor."""


def to_inference(network: DynamicNetwork | Cascade, executor: str = "auto", precision: str = "float32") -> Inference:
    """``network`` as it stands, for inference; ``network`` itself is not changed.

    The members of a cascade are compiled one by one; who is asked about what is decided in Python between them, but for
    ``triton``, where it is decided on the device, and ``onnxruntime``, where it is a branch of the graph.

    Args:
        executor: ``torch``; ``native``, compiled for the CPU; ``triton``, for a GPU; ``onnxruntime``; or ``auto``:
            native where that is possible. It is never ``triton``: nobody has measured yet where that is faster.
        precision: ``float32``; ``tf32`` or ``bfloat16``, which ``torch`` and ``triton`` know.

    Raises:
        BadInput: an unknown executor, or one that is not there, cannot run this network or not in this precision.
    """
    if executor not in EXECUTORS:
        raise BadInput(f"executor must be one of {', '.join(EXECUTORS)}, not {executor!r}")
    device = parts_of(network)[0].backbone.classifier.weight.device
    if reason := unsupported_precision(precision, executor, device):
        raise BadInput(f"cannot run in {precision}: {reason}")
    if executor == "auto":
        executor = "native" if precision == "float32" and runs_natively(network) else "torch"
    if executor == "onnxruntime":
        return OnnxNetwork(network)
    if isinstance(network, Cascade):
        if executor == "triton":
            return TritonCascade(network, precision)
        return SkippingCascade(network, [to_inference(member, executor, precision) for member in network.members])
    if executor == "native":
        return NativeNetwork(network)
    return TritonNetwork(network, precision) if executor == "triton" else lower(network, precision)


def runs_natively(network: DynamicNetwork | Cascade) -> bool:
    """Whether the compiled executor was built and can run ``network``."""
    if not targets():
        # Of this line, so that it is said once, whoever asks.
        warnings.warn("the native executor was not built; networks run in PyTorch", Notice, stacklevel=1)
        return False
    return native_obstacle(network) is None


def native_obstacle(network: DynamicNetwork | Cascade) -> str | None:
    """Why the compiled executor cannot run ``network``, or one of a cascade's members; None if it can."""
    return next(filter(None, map(unsupported_reason, parts_of(network))), None)
