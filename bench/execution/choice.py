"""Which executor runs a network that has been trained: PyTorch, or the compiled one."""

from __future__ import annotations

import warnings

from bench.choices import EXECUTORS
from bench.errors import BadInput, Notice
from bench.execution.native import NativeNetwork, targets, unsupported_reason
from bench.execution.skipping import SkippingCascade, SkippingNetwork, lower
from bench.networks.cascade import Cascade
from bench.networks.network import DynamicNetwork


def to_inference(
    network: DynamicNetwork | Cascade, executor: str = "auto"
) -> SkippingNetwork | SkippingCascade | NativeNetwork:
    """``network`` as it stands, for inference; ``network`` itself is not changed.

    The members of a cascade are compiled one by one; who is asked about what is decided in Python between them.

    Args:
        executor: ``torch``; ``native``, compiled; or ``auto``, which is native where that is possible.

    Raises:
        BadInput: an unknown executor, or ``native`` where it was not built or cannot run this network.
    """
    if executor not in EXECUTORS:
        raise BadInput(f"executor must be one of {', '.join(EXECUTORS)}, not {executor!r}")
    if isinstance(network, Cascade):
        native = executor == "native" or (executor == "auto" and runs_natively(network))
        each = "native" if native else "torch"
        return SkippingCascade(network, [to_inference(member, each) for member in network.members])
    if executor == "native" or (executor == "auto" and runs_natively(network)):
        return NativeNetwork(network)
    return lower(network)


def runs_natively(network: DynamicNetwork | Cascade) -> bool:
    """Whether the compiled executor was built and can run ``network``."""
    if not targets():
        # Of this line, so that it is said once, whoever asks.
        warnings.warn("the native executor was not built; networks run in PyTorch", Notice, stacklevel=1)
        return False
    return native_obstacle(network) is None


def native_obstacle(network: DynamicNetwork | Cascade) -> str | None:
    """Why the compiled executor cannot run ``network``, or one of a cascade's members; None if it can."""
    members = network.members if isinstance(network, Cascade) else [network]
    return next(filter(None, map(unsupported_reason, members)), None)
