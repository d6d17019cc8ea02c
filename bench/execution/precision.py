"""The arithmetic of inference: what a network's features and weights are held in, and how products are taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

DTYPES = {"float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16}
"""What features and weights are held in. With ``tf32``, tensor cores round the factors of float32 to 10 bits."""
ROUNDING = ("torch", "triton")
"""Executors that know other precisions than float32."""


@contextmanager
def products(precision: str) -> Iterator[None]:
    """Lets stock CUDA kernels multiply in TF32 where ``precision`` says so, and behind it not any more."""
    switches: tuple[Any, ...] = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [switch.allow_tf32 for switch in switches]
    try:
        for switch in switches:
            switch.allow_tf32 = precision == "tf32"
        yield
    finally:
        for switch, allowed in zip(switches, before):
            switch.allow_tf32 = allowed


def unsupported_precision(precision: str, executor: str, device: torch.device) -> str | None:
    """Why ``executor`` cannot compute in ``precision`` on ``device``; None if it can."""
    if precision == "float32":
        return None
    if executor not in (*ROUNDING, "auto"):
        return f"the executor {executor} computes in float32 alone"
    if precision == "tf32" and device.type != "cuda":
        return "products in TF32 need an NVIDIA GPU"
    return None
