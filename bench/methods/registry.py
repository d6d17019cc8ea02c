"""The registry: methods are found by the entry-point group ``bench.methods``, ours and third parties' alike."""

from __future__ import annotations

import re
import sys
from importlib.metadata import EntryPoint, entry_points

from bench.choices import METHOD_GROUP, method_names, parse_method
from bench.errors import BadInput
from bench.methods.interface import Method
from bench.methods.options import spelled, with_choices
from bench.system.validation import shown

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
"""What a method may be called: its name becomes part of folders' names, and stands in tables and commands."""


def method_modules() -> set[str]:
    """Modules that define the registered methods."""
    return {point.module for point in _points()}


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
    point = _only([point for point in _points() if point.name == name], name)
    try:
        method = point.load()()
    except (Exception, SystemExit) as error:  # whatever a plug-in does while it is imported
        reason = f"{error}{_hidden(point, error)}"
        raise BadInput(f"method {shown(name)} ({point.value}) cannot be loaded: {reason}") from error
    if not isinstance(method, Method):
        raise BadInput(f"method {shown(name)} ({point.value}) is not a bench.methods.interface.Method")
    return method


def _points() -> list[EntryPoint]:
    return list(entry_points(group=METHOD_GROUP))


def _only(found: list[EntryPoint], name: str) -> EntryPoint:
    """The one registration of a name; a distribution that is found twice (installed, and on the path) counts once."""
    if not found:
        raise BadInput(f"unknown method {shown(name)}: choose from {', '.join(method_names())}")
    if not NAME.fullmatch(name):
        letters = "letters, digits, '.', '_', '+' and '-', at most 64"
        raise BadInput(f"{_distribution(found[0])} registers {shown(name)}, which is no name for a method: {letters}")
    if len({(_distribution(point), point.value) for point in found}) > 1:
        owners = " and ".join(sorted(f"{_distribution(point)} ({point.value})" for point in found))
        raise BadInput(f"method {shown(name)} is registered twice, by {owners}: uninstall one of them")
    return found[0]


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "an unknown distribution"


def _hidden(point: EntryPoint, error: Exception) -> str:
    """Which file or folder was imported in a method's place, where that is why its module was not found."""
    top = point.module.partition(".")[0]
    module = sys.modules.get(top)
    if not isinstance(error, (ImportError, AttributeError)) or module is None:
        return ""
    found = module.__file__ or ", ".join(getattr(module, "__path__", ()))
    return f" ({top!r} was found at {found}: does it hide another of that name?)"
