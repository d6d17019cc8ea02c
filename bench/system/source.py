"""Python source as what it computes: its syntax tree without what changes no result."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

_WITHOUT_MEANING = {"annotation", "returns", "ctx", "kind", "type_comment", "type_ignores"}
"""Parts of a syntax tree that change no result."""


def source_digest(files: Iterable[Path], rewritten: Mapping[str, str] = MappingProxyType({})) -> str:
    """SHA-256 over what ``files`` compute.

    Comments, docstrings, layout, line ends, annotations and import statements do not count (but for the names that
    these give to what they import), nor do names and places of the files. Files that compute nothing do not count.

    Args:
        rewritten: digests of files, and those that stand for them.

    Raises:
        OSError: a file that cannot be read.
        SyntaxError: a file that is no Python.
    """
    found = [file_digest(file) for file in set(files)]
    digests = sorted(filter(None, (rewritten.get(digest, digest) for digest in found)))
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def file_digest(file: Path) -> str:
    """SHA-256 of what one file computes, of a compiled module as it is; empty where it computes nothing."""
    return _digest(file.read_bytes(), file.suffix == ".py")


@lru_cache(maxsize=1024)  # the harness's files are part of every method's hash
def _digest(source: bytes, is_python: bool) -> str:
    content = normalised_source(source).encode() if is_python else source
    return hashlib.sha256(content).hexdigest() if content else ""


def normalised_source(source: bytes | str) -> str:
    """The syntax tree of ``source`` as text; empty where it computes nothing.

    Raises:
        SyntaxError: no Python.
    """
    statements = _meaningful(ast.parse(source).body)
    return json.dumps(statements) if statements else ""


def _meaningful(statements: list[ast.stmt]) -> list:
    """What is left of a body of statements: the names that imports change, then all else that computes something."""
    imports = [one for one in statements if isinstance(one, (ast.Import, ast.ImportFrom))]
    renamed = [_renaming(alias) for statement in imports for alias in statement.names]
    rest = [one for one in statements if one not in imports and not _is_text(one) and not _lists_names(one)]
    return [*sorted(pair for pair in renamed if pair), *map(_plain, rest)]


def _renaming(alias: ast.alias) -> list[str]:
    """What an import calls by another name, and that name; empty where it keeps the name. Modules' places are none."""
    name = alias.name.rpartition(".")[2]
    return [] if alias.asname in (None, name) else ["import", name, alias.asname]


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _lists_names(statement: ast.stmt) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else ()
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)


def _plain(node: object) -> object:
    """A node as lists of strings; what is empty is left out, since versions of Python differ in what they list."""
    if isinstance(node, ast.AST):
        parts = [[name, _plain(value)] for name, value in ast.iter_fields(node) if name not in _WITHOUT_MEANING]
        return [type(node).__name__, *([name, part] for name, part in parts if part not in ("None", []))]
    if isinstance(node, list):
        is_body = bool(node) and all(isinstance(one, ast.stmt) for one in node)
        return _meaningful(node) if is_body else [_plain(one) for one in node]
    return repr(node)
