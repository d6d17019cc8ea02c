"""Seeds derived by name, so that adding a method or a point changes no other's numbers."""

from __future__ import annotations

import hashlib


def derive_seed(*names: object) -> int:
    """A 63-bit seed from any sequence of names and numbers."""
    text = "/".join(str(name) for name in names)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
