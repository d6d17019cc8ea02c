"""What an object in memory holds, as a hash: of networks and factories that are given to a run from Python."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from torch import Tensor, nn

PLAIN = (bool, int, float, complex, str, bytes, type(None))
OF_EVERY_MODULE = frozenset(vars(nn.Module())) - {"_parameters", "_buffers", "_modules"}
"""What a module holds beside what was put into it: hooks, and whether it trains, which measuring turns off."""


def contents_hash(value: object) -> str:
    """SHA-256 over all that ``value`` holds: tensors, numbers and words, also in lists, closures and other objects.

    Source is not read here: functions and classes count by their names.
    """
    digest = hashlib.sha256()
    for part in _parts(value, set()):
        digest.update(part)
    return digest.hexdigest()


def _parts(value: Any, seen: set[int]) -> Iterator[bytes]:
    yield f"{_named(value)}(".encode()
    if isinstance(value, PLAIN):
        yield repr(value).encode()
    elif isinstance(value, Tensor | np.ndarray):
        array = value.detach().cpu().contiguous().numpy() if isinstance(value, Tensor) else value
        yield f"{array.dtype} {array.shape}".encode() + array.tobytes()
    elif isinstance(value, set | frozenset):
        yield repr(sorted(map(repr, value))).encode()
    elif id(value) not in seen:  # else it holds itself
        seen.add(id(value))
        for name, held in _held(value):
            yield f"{name}:".encode()
            yield from _parts(held, seen)
    yield b")"


def _named(value: Any) -> str:
    """The name of a function, class or module; of all else that of its class."""
    is_named = isinstance(value, type | ModuleType | FunctionType)
    return f"{value.__name__}" if is_named else type(value).__qualname__


def _held(value: Any) -> Iterator[tuple[object, object]]:
    """What an object holds, each with its place."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
    elif isinstance(value, partial):
        yield from (("func", value.func), ("args", value.args), ("keywords", value.keywords))
    elif isinstance(value, MethodType):
        yield from (("self", value.__self__), ("func", value.__func__))
    elif isinstance(value, FunctionType):
        yield from (("defaults", value.__defaults__), ("keyword defaults", value.__kwdefaults__))
        yield from _variables(value)
    elif not isinstance(value, type | ModuleType):
        held = getattr(value, "__dict__", {})
        yield from ((name, held[name]) for name in sorted(held) if name not in OF_EVERY_MODULE)


def _variables(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables around a function that it uses, but for those that have no value yet."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
        with suppress(ValueError):
            yield name, cell.cell_contents
