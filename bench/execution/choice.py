"""Which executor runs a network that has been trained: PyTorch, or the compiled one."""

from __future__ import annotations

import warnings

from bench.choices import EXECUTORS
from bench.errors import BadInput
from bench.execution.native import NativeNetwork, obstacle, targets
from bench.execution.skipping import SkippingNetwork, lower
from bench.networks.network import DynamicNetwork


def to_inference(network: DynamicNetwork, executor: str = "auto") -> SkippingNetwork | NativeNetwork:
    """``network`` as it stands, for inference; ``network`` itself is not changed.

    Args:
        executor: ``torch``; ``native``, compiled; or ``auto``, which is native where that is possible.

    Raises:
        BadInput: an unknown executor, or ``native`` where it was not built or cannot run this network.
    """
    if executor not in EXECUTORS:
        raise BadInput(f"executor must be one of {', '.join(EXECUTORS)}, not {executor!r}")
    if executor == "native" or (executor == "auto" and runs_natively(network)):
        return NativeNetwork(network)
    return lower(network)


def runs_natively(network: DynamicNetwork) -> bool:
    """Whether the compiled executor was built and can run ``network``."""
    if not targets():
        # Of this line, so that it is said once, whoever asks.
        warnings.warn("the native executor was not built; networks run in PyTorch", RuntimeWarning, stacklevel=1)
        return False
    return obstacle(network) is None
