"""The registry: methods are found by the entry-point group ``bench.methods``, ours and third parties' alike."""

from __future__ import annotations

from bench.choices import METHODS, method_names, parse_method
from bench.errors import BadInput
from bench.methods.interface import Method
from bench.methods.options import spelled, with_choices
from bench.system.validation import shown

__all__ = ["load_method", "method_id", "method_modules", "method_names"]


def method_modules() -> set[str]:
    """Modules that define the registered methods."""
    return {point.module for point in METHODS.points()}


def load_method(text: str) -> Method:
    """The method registered under a name, with the choices written behind it: ``lcnet``, ``lcnet[price=0]``.

    Raises:
        BadInput: an unknown name, one that is no name for a folder or that two distributions register, choices that the
            method does not have, or a plug-in that cannot be imported or is no method.
    """
    name, choices = parse_method(text)
    return with_choices(_registered(name), choices)


def method_id(text: str) -> str:
    """The one name of a method with choices: in the order of its fields, without those that change nothing.

    Raises:
        BadInput: as :func:`load_method`.
    """
    name, choices = parse_method(text)
    default = _registered(name)
    return spelled(name, with_choices(default, choices), default)


def _registered(name: str) -> Method:
    method = METHODS.load(name, then=lambda make: make())
    if not isinstance(method, Method):
        raise BadInput(f"method {shown(name)} is not a bench.methods.interface.Method")
    return method
