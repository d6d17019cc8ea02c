"""Commands that are imported when they are called, so that none pays for what others need."""

from __future__ import annotations

from pkgutil import resolve_name

import click

from bench.cli.clear import require_clear


class Deferred(click.Command):
    """Stands for a command in help and completion.

    Args:
        origin: where the command is, ``module:name``.
        short_help: its line in the list of commands.
    """

    def __init__(self, name: str, origin: str, short_help: str):
        super().__init__(name, short_help=short_help)
        self.origin = origin

    def load(self) -> click.Command:
        """The command itself."""
        return resolve_name(self.origin)


class Commands(click.Group):
    """Loads the one command that is called; ends where it is interrupted without the empty line that click prints."""

    def resolve_command(self, context, arguments):
        name, command, rest = super().resolve_command(context, arguments)
        command = command.load() if isinstance(command, Deferred) else command
        if command is not None and not context.resilient_parsing:
            require_clear(command, rest)
        return name, command, rest

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except KeyboardInterrupt as signal:
            raise click.Abort from signal
