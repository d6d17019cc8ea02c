"""Kernels in Triton, one file each; importing them imports Triton.

A kernel serves one sample with each of its programs, and reads from the device whether that sample needs it at all:
``scale[sample]`` is positive where the block runs, zero where it is skipped, negative where the sample has answered.
The first sample of a launch is ``begin``. Features lie as ``[N, pixels, channels]``, weights as
``[taps, inputs, outputs]``.
"""

from bench.execution.triton.kernels.classify import classify
from bench.execution.triton.kernels.exit import leave
from bench.execution.triton.kernels.gate import decide
from bench.execution.triton.kernels.pool import max_pool
from bench.execution.triton.kernels.shortcut import subsample
from bench.execution.triton.kernels.unit import unit
from bench.execution.triton.kernels.whole import whole

__all__ = ["classify", "decide", "leave", "max_pool", "subsample", "unit", "whole"]
