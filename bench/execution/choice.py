"""Which executor runs a network that has been trained: PyTorch, or one of ours."""

from __future__ import annotations

import warnings

from bench.choices import EXECUTORS
from bench.errors import BadInput, Notice
from bench.execution.native import NativeNetwork, targets, unsupported_reason
from bench.execution.onnx import OnnxNetwork
from bench.execution.skipping import SkippingCascade, SkippingNetwork, lower
from bench.execution.triton import TritonCascade, TritonNetwork
from bench.networks.cascade import Cascade, parts_of
from bench.networks.network import DynamicNetwork

Inference = SkippingNetwork | SkippingCascade | NativeNetwork | TritonNetwork | TritonCascade | OnnxNetwork
"""A network as it runs: ``forward``, ``predict`` and ``cost``, by whatever executor."""


def to_inference(network: DynamicNetwork | Cascade, executor: str = "auto") -> Inference:
    """``network`` as it stands, for inference; ``network`` itself is not changed.

    The members of a cascade are compiled one by one; who is asked about what is decided in Python between them, but for
    ``triton``, where it is decided on the device, and ``onnxruntime``, where it is a branch of the graph.

    Args:
        executor: ``torch``; ``native``, compiled for the CPU; ``triton``, for a GPU; ``onnxruntime``; or ``auto``:
            native where that is possible. It is never ``triton``: nobody has measured yet where that is faster.

    Raises:
        BadInput: an unknown executor, or one that is not there or cannot run this network.
    """
    if executor not in EXECUTORS:
        raise BadInput(f"executor must be one of {', '.join(EXECUTORS)}, not {executor!r}")
    if executor == "auto":
        executor = "native" if runs_natively(network) else "torch"
    if executor == "onnxruntime":
        return OnnxNetwork(network)
    if isinstance(network, Cascade):
        if executor == "triton":
            return TritonCascade(network)
        return SkippingCascade(network, [to_inference(member, executor) for member in network.members])
    if executor == "native":
        return NativeNetwork(network)
    return TritonNetwork(network) if executor == "triton" else lower(network)


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
