"""The registry: methods are found by the entry-point group ``bench.methods``, ours and third parties' alike."""

from __future__ import annotations

import hashlib
import inspect
from importlib.metadata import entry_points
from pathlib import Path

from bench.dynamic.method import Method
from bench.errors import BadInput

GROUP = "bench.methods"


def method_names() -> list[str]:
    """Names of all registered methods, ``dense`` first."""
    names = {point.name for point in entry_points(group=GROUP)}
    return sorted(names, key=lambda name: (name != "dense", name))


def load_method(name: str) -> Method:
    """The method registered as ``name``.

    Raises:
        BadInput: an unknown name, or a plug-in that cannot be imported or is no method.
    """
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise BadInput(f"unknown method {name!r}: choose from {', '.join(method_names())}")
    try:
        method = found[0].load()()
    except Exception as error:
        raise BadInput(f"method {name!r} ({found[0].value}) cannot be loaded: {error}") from error
    if not isinstance(method, Method):
        raise BadInput(f"method {name!r} ({found[0].value}) is not a bench.dynamic.method.Method")
    return method


def source_hash(method: Method) -> str:
    """SHA-256 over the files that ``method`` is made of, and over the ground floor.

    The method's own are those that define its class, its bases and whatever its module imports from beside it.

    A record made by other source is another record.
    """
    digest = hashlib.sha256()
    own = Path(inspect.getfile(type(method)))
    files = {own}
    for base in type(method).__mro__:
        if base is not object:
            files.add(Path(inspect.getfile(base)))
    ground = Path(__file__).parent
    for folder in ("dynamic", "backbones"):
        files.update((ground / folder).glob("*.py"))
    files.update(ground / name for name in ("training.py", "evaluation.py"))
    for value in vars(inspect.getmodule(type(method))).values():
        module = inspect.getmodule(value)
        if module is not None and Path(getattr(module, "__file__", None) or "").parent == own.parent:
            files.add(Path(module.__file__))
    for file in sorted(files, key=lambda file: (file.name, str(file))):
        digest.update(file.read_bytes())
    return digest.hexdigest()
