"""Dynamic residual networks on the CPU as one call into compiled code."""

from bench.native.executor import NativeNetwork
from bench.native.library import targets
from bench.native.network import obstacle

__all__ = ["NativeNetwork", "obstacle", "targets"]
