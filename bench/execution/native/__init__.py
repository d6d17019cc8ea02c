"""Dynamic residual networks on the CPU as one call into compiled code."""

from bench.execution.native.executor import NativeNetwork
from bench.execution.native.library import targets
from bench.execution.native.network import unsupported_reason

__all__ = ["NativeNetwork", "targets", "unsupported_reason"]
