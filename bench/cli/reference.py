"""The reference page of options and columns, made from the fields that describe them.

``python -m bench.cli.reference > docs/reference.md`` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, Field, fields

from bench.recipe import Recipe
from bench.records import Record
from bench.runs.plan.suite import Suite
from bench.system.options import Option, options_of

START = """# Reference

<!-- Made by `python -m bench.cli.reference > docs/reference.md`; a test compares. -->
"""
OPTIONS = """
## Options of a suite

The same words in a suite file, in Python (`Suite(methods=("lcnet",), epochs=3)`) and, with `--` and hyphens, behind
`bench run`. An empty default is explained in the text.
"""
COLUMNS = """
## Columns of `table.csv`

In their order. MACs are plain numbers, times milliseconds, accuracies percent; unknown is empty, never 0.
"""


def page() -> str:
    """The whole page, as Markdown."""
    options = options_of(Suite)
    own = [_option(described) for name, described in options.items() if name not in options_of(Recipe)]
    training = [_option(described) for described in options_of(Recipe).values()]
    columns = [_column(declared) for declared in fields(Record) if "meaning" in declared.metadata]
    heading = ("option", "values", "default", "meaning")
    return "\n".join(
        [
            START + OPTIONS,
            *_table(heading, own),
            "\n### Of training, the same for every method\n",
            *_table(heading, training),
            COLUMNS,
            *_table(("column", "values", "meaning"), columns),
            "",
        ]
    )


def _option(described: Option) -> tuple[str, ...]:
    return f"`{described.name}`", described.expected, described.default_text, described.help


def _column(declared: Field) -> tuple[str, ...]:
    kinds = {"str": "text", "int": "whole number", "float": "number", "bool": "True or False"}
    kind, _, empty = str(declared.type).partition(" | ")
    known = "" if empty or declared.default is not MISSING else ", always known"
    return f"`{declared.name}`", kinds[kind] + known, declared.metadata["meaning"]


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [heading, tuple("---" for _ in heading), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]


if __name__ == "__main__":
    print(page(), end="")
