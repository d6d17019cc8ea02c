"""Whether kernels in Triton can run here; never imports Triton."""

from __future__ import annotations

import os
from importlib.util import find_spec

import torch


def interpreting() -> bool:
    """Whether ``TRITON_INTERPRET=1`` lets the kernels run on the CPU, for tests: slowly, and with numpy."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def missing() -> str | None:
    """What kernels lack on this machine; None if nothing."""
    spec = find_spec("triton")
    if spec is None or spec.origin is None:  # a mere folder of that name, which Python finds as well, is no package
        return "Triton is not installed"
    if not torch.cuda.is_available() and not interpreting():
        return "there is no GPU here (TRITON_INTERPRET=1 runs its kernels on the CPU, for tests)"
    return None
