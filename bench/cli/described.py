"""Options of commands that are made from the fields of a dataclass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import click

from bench.cli.values import BACKBONE, METHODS, WEIGHTS, CommaSeparated
from bench.system.options import Option, options_of

COMPLETED = {"methods": METHODS, "backbone": BACKBONE, "backbone_weights": WEIGHTS}
"""Options of which completion knows some values."""


def described_options(kind: type) -> Callable[[Callable], Callable]:
    """Adds an option for each of the options among the fields of ``kind``; None stands for what is not given."""

    def add(command: Callable) -> Callable:
        for described in reversed(options_of(kind).values()):
            spelled = f"--{described.name.replace('_', '-')}"
            command = click.option(spelled, described.name, type=_value(described), help=described.text)(command)
        return command

    return add


def _value(described: Option) -> click.ParamType:
    if described.name in COMPLETED:
        return COMPLETED[described.name]
    if described.choices:
        return click.Choice(described.choices)
    if described.is_list:
        return CommaSeparated(get_args(described.kind)[0])
    if described.kind is str:
        return click.STRING
    kind: Any = {int: click.IntRange, float: click.FloatRange}[described.kind]
    return kind(described.at_least, described.at_most)
