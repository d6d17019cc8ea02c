"""Whether kernels in Triton can run here; never imports Triton."""

from __future__ import annotations

import os
from importlib import metadata
from importlib.util import find_spec

import torch
from torch.torch_version import TorchVersion

SINCE = "3.7"
"""Version of Triton. 3.4 and 3.5 do not compile all of these kernels; the interpreters up to 3.6 fail in some."""


def interpreting() -> bool:
    """Whether ``TRITON_INTERPRET=1`` lets the kernels run on the CPU, for tests: slowly, and with numpy."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def missing() -> str | None:
    """What kernels lack on this machine; None if nothing."""
    spec = find_spec("triton")
    if spec is None or spec.origin is None:  # a mere folder of that name, which Python finds as well, is no package
        return "Triton is not installed"
    if too_old():
        return f"Triton {metadata.version('triton')} is too old: {SINCE} is needed, which newer versions of torch bring"
    if not torch.cuda.is_available() and not interpreting():
        return "there is no GPU here (TRITON_INTERPRET=1 runs its kernels on the CPU, for tests)"
    return None


def too_old() -> bool:
    """Whether Triton is known to be older than what these kernels need; builds under another name are not known."""
    try:
        return TorchVersion(metadata.version("triton")) < SINCE
    except metadata.PackageNotFoundError:
        return False
