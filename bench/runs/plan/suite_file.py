"""Suites from YAML files: nothing in them means something else than what stands there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BadInput
from bench.runs.plan.bundled import SUITES, suite_names
from bench.runs.plan.suite import SHARED, Suite, check_suite, reads_files
from bench.system.options import options_of

LARGEST_BYTES = 1_000_000


def load_suite(name: str, options: Mapping[str, Any] | None = None) -> list[Suite]:
    """The parts of a suite, by name (``bench list suites``) or from a YAML file: one mapping of options, or a list.

    Args:
        options: override those of the file, in all parts.

    Raises:
        BadInput: no such suite, broken YAML, unknown keys, or values of the wrong kind, with file and part.
    """
    bundled = SUITES / f"{name}.yaml"
    path = bundled if bundled.exists() else Path(name)
    values = _read(path, name)
    parts = values if isinstance(values, list) else [values]
    suites = []
    for number, part in enumerate(parts, 1):
        try:
            suites.append(check_suite(_suite_from(part, options or {})))
        except BadInput as error:
            raise BadInput(f"suite {path}{f', part {number}' * (len(parts) > 1)}: {error}") from error
    if not suites:
        raise BadInput(f"suite {path} is empty")
    for names in (SHARED, *([("backbone", "train_size")] * reads_files(suites[0].dataset))):
        if len({tuple(getattr(suite, one) for one in names) for suite in suites}) > 1:
            raise BadInput(f"the parts of suite {path} must share {', '.join(names)}, which say how images are read")
    return suites


def _read(path: Path, name: str) -> object:
    try:
        if not path.exists():
            raise BadInput(f"no suite {name!r}: give a file, or one of {', '.join(suite_names())}")
        if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
            raise BadInput(f"suite {path} is no file of up to {LARGEST_BYTES:,} bytes")
        return yaml.load(path.read_bytes(), PlainLoader)
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read suite {name!r}: {getattr(error, 'strerror', None) or error}") from error
    except BadInput:
        raise
    except Exception as error:  # PyYAML leaves what values' own constructors raise as it is
        raise BadInput(f"suite {path} is no valid YAML: {' '.join(str(error).split())}") from error


def _suite_from(values: object, options: Mapping[str, Any]) -> Suite:
    """A suite of what stands in a file; a value alone stands for a list of one."""
    if not isinstance(values, dict):
        raise BadInput("it must be a mapping of options, or a list of such")
    known = options_of(Suite)
    if unknown := [str(key) for key in values if key not in known]:
        raise BadInput(f"unknown option {unknown[0]!r}: choose from {', '.join(sorted(known))}")
    given = {key: _as_tuple(value) if known[key].is_list else value for key, value in values.items()}
    try:
        return Suite(**given | dict(options))
    except TypeError as error:
        raise BadInput("it does not say which methods to run") from error


def _as_tuple(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    return value if value is None else (value,)


class PlainLoader(yaml.SafeLoader):
    """YAML with the numbers of JSON (and of YAML 1.2), and without keys that are given twice.

    In YAML 1.1 ``010`` is eight, ``1:30`` ninety and ``5e-1`` a text.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """A mapping; ``<<`` may be overridden, as always."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                where = f"line {key.start_mark.line + 1}"
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice, again in {where}")
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep)


INT, FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (INT, FLOAT)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_NUMBER = r"[-+]?(?:0|[1-9][0-9]*)"
PlainLoader.add_implicit_resolver(INT, re.compile(rf"{_NUMBER}$"), list("-+0123456789"))
PlainLoader.add_implicit_resolver(
    FLOAT,
    re.compile(
        rf"(?:(?:{_NUMBER}(?:\.[0-9]*)?|[-+]?\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)
