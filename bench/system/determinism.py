"""The same bits every time on one machine, and what that promises."""

from __future__ import annotations

import os

import torch


def require(deterministic: bool) -> None:
    """Allows only operations that give the same bits every time, or all; in this process, from here on.

    An operation that cannot raises RuntimeError when it is used.
    """
    if deterministic:
        # cuBLAS reads it when it is first used; https://docs.nvidia.com/cuda/cublas/#results-reproducibility
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # Even to be told what is so already, torch loads its compiler, which takes seconds.
    if deterministic != torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = False
    full_precision()


def full_precision() -> None:
    """Computes float32 in float32: by default, convolutions on NVIDIA's accelerators round their inputs to TF32's 10
    bits, which moves gates across their thresholds."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def describe() -> str:
    """What was required and with how many threads, for the record."""
    required = "required" if torch.are_deterministic_algorithms_enabled() else "not required"
    return f"deterministic algorithms {required}; {torch.get_num_threads()} threads"
