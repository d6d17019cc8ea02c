"""The registry: methods are found by the entry-point group ``bench.methods``, ours and third parties' alike."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from importlib.metadata import entry_points
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType

from bench.choices import METHOD_GROUP, method_names, parse_method
from bench.errors import BadInput
from bench.methods.interface import Method
from bench.methods.options import spelled, with_choices


def load_method(text: str) -> Method:
    """The method registered under a name, with the choices written behind it: ``lcnet``, ``lcnet[price=0]``.

    Raises:
        BadInput: an unknown name, choices that the method does not have, or a plug-in that cannot be imported or is no
            method.
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
    found = list(entry_points(group=METHOD_GROUP, name=name))
    if not found:
        raise BadInput(f"unknown method {name!r}: choose from {', '.join(method_names())}")
    try:
        method = found[0].load()()
    except Exception as error:
        raise BadInput(f"method {name!r} ({found[0].value}) cannot be loaded: {error}") from error
    if not isinstance(method, Method):
        raise BadInput(f"method {name!r} ({found[0].value}) is not a bench.methods.interface.Method")
    return method


def source_hash(method: Method) -> str:
    """SHA-256 over the files that ``method`` is made of, and over the ground floor.

    The method's own are those that define its class and its bases, and what these import from beside them, at whatever
    remove.

    A record made by other source is another record.
    """
    digest = hashlib.sha256()
    files = set()
    for base in type(method).__mro__:
        if base is not object:
            files |= _own_files(inspect.getmodule(base))
    ground = Path(__file__).parents[1]
    for folder in ("networks", "methods", "training"):
        files.update((ground / folder).rglob("*.py"))
    files.add(ground / "measurement" / "evaluation.py")
    for file in sorted(files, key=lambda file: (file.name, str(file))):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _own_files(module: ModuleType) -> set[Path]:
    """The files of ``module`` and of all modules in its folder that it imports, or that those import."""
    folder = Path(module.__file__).parent
    found, waiting = set(), [module]
    while waiting:
        importer = waiting.pop()
        file = Path(getattr(importer, "__file__", None) or "")
        if file.parent == folder and file not in found:
            found.add(file)
            waiting += [sys.modules[name] for name in _imports(importer) if name in sys.modules]
    return found


def _imports(module: ModuleType) -> set[str]:
    """Names that may be modules in the import statements of ``module``."""
    names = set()
    for node in ast.walk(ast.parse(Path(module.__file__).read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), module.__package__)
            names.update((origin, *(f"{origin}.{alias.name}" for alias in node.names)))
    return names
