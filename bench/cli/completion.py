"""Answers to a shell that completes a command line: ``_BENCH_COMPLETE=bash_source bench`` prints what to evaluate."""

from __future__ import annotations

import sys
from contextlib import suppress

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    shell_complete,
)

VARIABLE = "_BENCH_COMPLETE"


class JoinedOptions(ShellComplete):
    """``--option=value``, which click completes as if the option were not there.

    Bash gives the parts as three words; zsh and fish give, and expect back, the whole.
    """

    def get_completion_args(self) -> tuple[list[str], str]:
        words, incomplete = super().get_completion_args()
        kept = [word for before, word in zip(["", *words], words) if not (word == "=" and before.startswith("--"))]
        return kept, incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        option, equals, _ = incomplete.partition("=")
        found = super().get_completions(args, incomplete)
        if option.startswith("--") and equals:
            return [CompletionItem(f"{option}={one.value}", one.type, one.help) for one in found if one.type == "plain"]
        return found


class Bash(JoinedOptions, BashComplete):
    """Bash's."""


class Zsh(JoinedOptions, ZshComplete):
    """Zsh's."""


class Fish(JoinedOptions, FishComplete):
    """Fish's; click's own script cuts what it offers at the first comma, and so offers no lists."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


for _shell in (Bash, Zsh, Fish):
    add_completion_class(_shell)


def answer(cli: click.Command, instruction: str) -> int:
    """Prints what completion asks for; returns the exit code.

    Whatever goes wrong behind a TAB is no line on somebody's prompt: nothing is offered.
    """
    if instruction.endswith("_complete"):
        with suppress(Exception, KeyboardInterrupt):
            shell_complete(cli, {}, "bench", VARIABLE, instruction)
        return 0
    if status := shell_complete(cli, {}, "bench", VARIABLE, instruction):
        print(f"bench: {VARIABLE} is bash_source, zsh_source or fish_source", file=sys.stderr)
        return 2 * status
    return 0
