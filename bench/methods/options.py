"""Choices of a method, written behind its name: ``lcnet[price=0,learns=all]``."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from bench.errors import BadInput
from bench.methods.interface import Method

_LATER = "later"
_WORDS = {"true": True, "false": False, "none": None}


def later_choice(default: Any) -> Any:
    """A field of a method that has records from before it: at its ``default`` the method is what it was, and so are the
    ids of its jobs."""
    return dataclasses.field(default=default, metadata={_LATER: True})


def identifying_choices(method: Method) -> dict[str, Any]:
    """The choices that a job's id covers: all but later ones at their defaults."""
    later = {one.name: one.default for one in _fields(method) if one.metadata.get(_LATER)}
    chosen = {name: getattr(method, name) for name in field_kinds(method)}
    return {name: value for name, value in chosen.items() if name not in later or value != later[name]}


def with_choices(method: Method, choices: Mapping[str, str]) -> Method:
    """``method`` with some of its fields set.

    Raises:
        BadInput: a choice that it does not have, or a value of another kind.
    """
    if not choices:
        return method
    kinds = field_kinds(method)
    for name in choices:
        if name not in kinds:
            offered = f"choose from {', '.join(kinds)}" if kinds else "it has none"
            raise BadInput(f"{type(method).__name__} has no choice {name!r}: {offered}")
    return dataclasses.replace(
        cast(Any, method), **{name: _value(name, kinds[name], text) for name, text in choices.items()}
    )


def field_kinds(method: Method) -> dict[str, Any]:
    """The choices of a method and the type of each, in the order of its fields."""
    declared = _fields(method)
    hints = get_type_hints(type(method)) if declared else {}
    return {one.name: hints[one.name] for one in declared}


def _fields(method: Method) -> list[dataclasses.Field]:
    return [one for one in fields(method) if one.init] if is_dataclass(method) else []


def spelled(name: str, method: Method, default: Method) -> str:
    """The one way to write ``method``: its name, and in the order of its fields those choices that ``default`` has
    otherwise."""
    differ = [key for key in field_kinds(method) if getattr(method, key) != getattr(default, key)]
    values = ",".join(f"{key}={_text(getattr(method, key))}" for key in differ)
    return f"{name}[{values}]" if values else name


def _text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "+".join(map(_text, value))
    # The shortest text that means this number and no other.
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _value(name: str, kind: Any, text: str) -> Any:
    """``text`` as a value of ``kind``: a number, several with ``+`` between, true, false, none, or a word."""
    if get_origin(kind) is tuple:
        return tuple(_value(name, get_args(kind)[0], part) for part in text.split("+"))
    for accepted in _alternatives(kind):
        if accepted is str or text in map(str, get_args(accepted)):
            return text
        if accepted in (bool, type(None)) and isinstance(_WORDS.get(text.lower(), text), accepted):
            return _WORDS[text.lower()]
        if accepted in (int, float):
            try:
                number = accepted(text)
            except ValueError:
                continue
            if math.isfinite(number):
                return number
    raise BadInput(f"{name} must be {_described(kind)}, not {text!r}")


def _alternatives(kind: Any) -> Sequence[Any]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _described(kind: Any) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", type(None): "none"}
    words = [
        " or ".join(map(str, get_args(one))) if get_origin(one) is Literal else names.get(one, str(one))
        for one in _alternatives(kind)
    ]
    return " or ".join(words)
