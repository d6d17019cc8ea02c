"""Packages that only some methods need."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from bench.errors import BadInput


def require_package(name: str, user: str) -> None:
    """Raises BadInput where the distribution ``name`` is not installed, which ``user`` needs."""
    try:
        distribution(name)
    except PackageNotFoundError as error:
        raise BadInput(f"{user} needs a package that is not installed: pip install {name}") from error
