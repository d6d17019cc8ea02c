"""What a job's id covers of the source: all that determines the numbers of a method's record."""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, resolve_name
from pathlib import Path

from bench.errors import BadInput
from bench.methods.interface import Method
from bench.methods.options import identifying_choices
from bench.methods.registry import method_modules
from bench.methods.rewritten import REWRITTEN
from bench.system.source import source_digest

HARNESS = Path(__file__).parents[1]
DETERMINING = (
    "data",
    "measurement/evaluation.py",
    "methods/bounds.py",
    "methods/calibration.py",
    "methods/interface.py",
    "methods/objective.py",
    "networks",
    "records/points.py",
    "system/seeds.py",
    "training",
)
"""Modules and whole packages of the harness that determine a record's numbers, for every method alike."""
CIFAR_SIZE = 32
"""Height and width of images in all records from before ids held them."""
OPTIONAL = (HARNESS / "data" / "sets", HARNESS / "networks" / "backbones" / "traced")
"""Folders within these whose modules count only in records that are made with them."""


def source_hash(method: Method, modules: Iterable[str] = (), image_size: int | None = None) -> str:
    """SHA-256 over the choices of ``method`` and what its modules and the ``DETERMINING`` part of the harness compute.

    The method's own modules are those that define its class and its bases, and what these import from their own
    packages, at whatever remove. The same holds for ``modules``, which bring a data set or a backbone. See
    :func:`bench.system.source.source_digest` for what of a module counts.

    Args:
        image_size: that a data set registers. Ids without one are of records from times when all had CIFAR's.

    Raises:
        BadInput: source that cannot be read, as of a class that was typed in: its records could not be told apart.
    """
    try:
        files = {*determining_files(), *_own_files(method), *_files_of(modules)}
        source = source_digest(files, REWRITTEN)
    except (OSError, SyntaxError) as error:
        raise BadInput(f"cannot read the source of {type(method).__name__}: {error}") from error
    choices = {name: repr(value) for name, value in identifying_choices(method).items()}
    parts = [source, choices, *([] if image_size in (None, CIFAR_SIZE) else [image_size])]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def determining_files() -> Iterator[Path]:
    """Python files of the harness that determine numbers, found by walking its packages.

    Raises:
        FileNotFoundError: a name in ``DETERMINING`` that nothing has.
    """
    for name in DETERMINING:
        found = [HARNESS / name] if name.endswith(".py") else list((HARNESS / name).rglob("*.py"))
        if not found or not found[0].is_file():
            raise FileNotFoundError(f"{HARNESS / name} is no part of the harness")
        yield from (file for file in found if file.parent not in OPTIONAL)


def _own_files(method: Method) -> set[Path]:
    """The files that define ``method``, and those of methods' packages that these import, or that those import."""
    defining = [base.__module__ for base in type(method).__mro__ if base is not object]
    return _with_imported(defining, {_top(name) for name in (*defining, *method_modules())} - {_top(__name__)})


def _files_of(modules: Iterable[str]) -> set[Path]:
    """The files of modules that bring a data set or a backbone, with what those of others import of their own."""
    names = list(modules)
    ours = {file for name in names if _top(name) == _top(__name__) and (file := _file(name))}
    return ours | _with_imported(names, {_top(name) for name in names} - {_top(__name__)})


def _with_imported(defining: Sequence[str], packages: set[str]) -> set[Path]:
    """The files of those of ``defining`` that are in ``packages``, and what of these packages they import."""
    found: dict[str, Path] = {}
    waiting = [name for name in defining if _top(name) in packages]
    while waiting:
        name = waiting.pop()
        if name not in found and (file := _file(name)):
            found[name] = file
            waiting += [one for one in _imports(file, name) if _top(one) in packages or _is_beside(one, file, name)]
    if missing := [name for name in defining if _top(name) in packages and name not in found]:
        raise OSError(f"module {missing[0]} has no file")
    return set(found.values())


def _top(name: str) -> str:
    return name.partition(".")[0]


def _is_beside(name: str, file: Path, importer: str) -> bool:
    """Whether ``name`` is a module that lies beside the ``file`` of an importer that is in no package."""
    found = None if "." in name or "." in importer else _file(name)
    return found is not None and found.parent == file.parent


def _file(name: str) -> Path | None:
    """The file of a module, which is not imported for it; None where it has none, or is none."""
    if loaded := getattr(sys.modules.get(name), "__file__", None):
        return Path(loaded)  # also where another package of that name has come before its own since
    top, *rest = name.split(".")
    try:
        spec = find_spec(top)
    except ValueError:  # of a module that was made while the program runs
        return None
    if spec is None or not rest:
        return Path(spec.origin) if spec and spec.has_location and spec.origin else None
    folders = [Path(folder, *rest[:-1]) for folder in spec.submodule_search_locations or ()]
    names = (f"{rest[-1]}.py", f"{rest[-1]}/__init__.py", *(rest[-1] + suffix for suffix in EXTENSION_SUFFIXES))
    return next((folder / name for folder in folders for name in names if (folder / name).is_file()), None)


def _imports(file: Path, importer: str) -> set[str]:
    """Names that may be modules in the import statements of ``file``, with the packages that these are in."""
    if file.suffix != ".py":
        return set()
    package = importer if file.name == "__init__.py" else importer.rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = resolve_name("." * node.level + (node.module or ""), package)
            names.update(f"{origin}.{alias.name}" for alias in node.names)
    return {".".join(parts[:count]) for parts in (n.split(".") for n in names) for count in range(1, len(parts) + 1)}
