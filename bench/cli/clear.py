"""Command lines that mean one thing: no option given twice, no value empty."""

from __future__ import annotations

from collections.abc import Sequence

import click


def require_clear(command: click.Command, arguments: Sequence[str]) -> None:
    """Looks at the arguments of ``command`` before it gets them.

    Raises:
        UsageError: an option that is given twice, of which the last would win, or an empty value, as of a variable
            that is not set (an empty path would be the current folder), or a name that is no UTF-8.
    """
    try:
        values, _, order = command.make_parser(click.Context(command)).parse_args(list(arguments))
    except click.UsageError:
        return  # The command tells it.
    for parameter in order:
        name = parameter.opts[0]
        if order.count(parameter) > 1 and _last_wins(parameter):
            raise click.UsageError(f"{name} is given twice: give it once{_joined(parameter)}")
        given = values.get(parameter.name)
        for value in given if isinstance(given, (list, tuple)) else [given]:
            if fault := _fault(value):
                raise click.UsageError(f"{parameter.human_readable_name if _is_argument(parameter) else name} {fault}")


def _fault(value: object) -> str:
    """What is wrong with a value as it was typed; empty where nothing is."""
    if value == "":
        return "is empty"
    try:
        str(value).encode()
    except UnicodeEncodeError:  # records and tables could not name it
        return f"is {value!r}, whose name is no UTF-8"
    return ""


def _last_wins(parameter: click.Parameter) -> bool:
    if not isinstance(parameter, click.Option) or parameter.multiple or parameter.count:
        return False
    return not parameter.is_flag or bool(parameter.secondary_opts)


def _joined(parameter: click.Parameter) -> str:
    return ", with commas between its values" if parameter.type.name == "list" else ""


def _is_argument(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Argument)
