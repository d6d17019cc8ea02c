"""The JSON Schema of ``record.json``, made from the fields of :class:`Record`.

``python -m bench.records.schema > docs/record.schema.json`` writes it; a test compares.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, fields
from typing import Any

from bench.records.record import SCHEMA_VERSION, Record

_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict[str, Any]": "object"}


def record_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of this version's records."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "record.json of the dynamic inference bench",
        "description": "MACs are plain numbers, times milliseconds, accuracies percent; unknown is null, never 0.",
        "type": "object",
        "properties": {declared.name: _property(declared) for declared in fields(Record)},
        "required": [one.name for one in fields(Record) if one.default is MISSING and one.default_factory is MISSING],
        "additionalProperties": False,
    }


def _property(declared: Field[Any]) -> dict[str, Any]:
    kind, _, unknown = str(declared.type).partition(" | ")
    found: dict[str, Any] = {"type": [_TYPES[kind], "null"] if unknown else _TYPES[kind]}
    if meaning := declared.metadata.get("meaning"):
        found["description"] = meaning
    if declared.name == "schema_version":
        found["const"] = SCHEMA_VERSION
    return found


if __name__ == "__main__":
    print(json.dumps(record_schema(), indent=2))
