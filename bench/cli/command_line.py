"""The command that a record keeps, rebuilt from the parsed options."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource


def typed_command(context: click.Context) -> str:
    """What was given on the command line, in the order of the options' declaration.

    Of absolute paths and of those that lead out of the current folder only the last part is kept: a record names no
    place of the machine it was made on.
    """
    words = ["bench", context.info_name or ""]
    for parameter in context.command.params:
        if context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE:
            words += _words(parameter, context.params[parameter.name])
    return shlex.join(words)


def _words(parameter: click.Parameter, value: Any) -> list[str]:
    if not isinstance(parameter, click.Option):
        return [_text(one) for one in value] if isinstance(value, tuple) else [_text(value)]
    name = max(parameter.opts, key=len)
    if parameter.is_flag:
        return [name if value else max(parameter.secondary_opts, key=len)]
    if parameter.multiple:
        return [word for one in value for word in (name, _text(one))]
    alone = isinstance(parameter.flag_value, str) and str(value) == parameter.flag_value
    return [name] if alone else [name, _text(value)]


def _text(value: object) -> str:
    """A value as one would type it, without the place of this machine that it names."""
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    key, equals, rest = str(value).partition("=")
    return f"{key}={_placeless(rest)}" if equals else _placeless(key)


def _placeless(text: str) -> str:
    path = Path(text)
    return path.name or "." if path.is_absolute() or ".." in path.parts else text
