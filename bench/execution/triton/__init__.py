"""Dynamic residual networks on a GPU: predicated kernels in Triton, one CUDA graph whatever is decided."""

from bench.execution.triton.availability import interpreting, missing
from bench.execution.triton.cascade import TritonCascade
from bench.execution.triton.executor import TritonNetwork, unknown_to_kernels, unsupported_reason

__all__ = ["TritonCascade", "TritonNetwork", "interpreting", "missing", "unknown_to_kernels", "unsupported_reason"]
