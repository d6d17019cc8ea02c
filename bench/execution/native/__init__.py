"""Dynamic residual networks on the CPU as one call into compiled code."""

from bench.execution.native.executor import NativeNetwork
from bench.execution.native.library import targets
from bench.execution.native.network import obstacle

__all__ = ["NativeNetwork", "obstacle", "targets"]
