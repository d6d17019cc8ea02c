"""Whether what came from a file is of the kinds that a dataclass declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin, get_type_hints

LARGEST = 2**63
"""Numbers beyond are no measurement, and overflow what computes with them."""
MOST_SHOWN = 4
"""Of a list's values in a message."""
if TYPE_CHECKING:
    from _typeshed import DataclassInstance

One = TypeVar("One", bound="DataclassInstance")


def of_declared_kinds(one: One) -> One:
    """Returns ``one``, a dataclass, where each field is of its declared kind and every number finite.

    Raises:
        TypeError: naming the first field that is not.
    """
    hints = _hints(type(one))
    for declared in fields(one):
        value = getattr(one, declared.name)
        if not is_of(value, hints[declared.name]):
            raise TypeError(f"{declared.name} is {shown(value)}, expected {declared.type}")
    return one


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def is_of(value: object, kind: Any) -> bool:
    """Whether ``value`` is of ``kind``: a class, a union, or a ``tuple``, ``list`` or ``dict`` of such."""
    if get_origin(kind) is UnionType:
        return any(is_of(value, part) for part in get_args(kind))
    if kind in (int, float):
        numbers = (int, float) if kind is float else int
        return isinstance(value, numbers) and not isinstance(value, bool) and _is_sound(value)
    if get_origin(kind) in (list, tuple):
        return isinstance(value, (list, tuple)) and all(is_of(part, get_args(kind)[0]) for part in value)
    if get_origin(kind) is dict:
        return isinstance(value, Mapping) and all(is_of(part, get_args(kind)[1]) for part in value.values())
    return kind is Any or isinstance(value, kind)


def shown(value: object) -> str:
    """A value for a message: short, whatever it holds."""
    if isinstance(value, (list, tuple)):
        parts = ["a list" if isinstance(part, (list, tuple)) else shown(part) for part in value[:MOST_SHOWN]]
        return f"[{', '.join(parts)}{', ...' * (len(value) > MOST_SHOWN)}]"  # which may hold itself
    is_plain = isinstance(value, (str, float, bool, type(None))) or is_of(value, int)
    return repr(value)[:60] if is_plain else f"a {type(value).__name__}"


def _is_sound(number: float) -> bool:
    return -LARGEST < number < LARGEST  # no NaN is
