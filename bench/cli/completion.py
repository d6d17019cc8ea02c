"""Answers to a shell that completes a command line: ``_BENCH_COMPLETE=bash_source bench`` prints what to evaluate."""

from __future__ import annotations

import sys

import click
from click.shell_completion import shell_complete

VARIABLE = "_BENCH_COMPLETE"


def answer(cli: click.Command, instruction: str) -> int:
    """Prints what completion asks for; returns the exit code.

    Whatever goes wrong behind a TAB is no line on somebody's prompt: nothing is offered.
    """
    if not instruction.endswith("_complete"):
        return _script(cli, instruction)
    try:
        shell_complete(cli, {}, "bench", VARIABLE, instruction)
    except Exception:
        return 0
    return 0


def _script(cli: click.Command, instruction: str) -> int:
    if status := shell_complete(cli, {}, "bench", VARIABLE, instruction):
        print(f"bench: {VARIABLE} is bash_source, zsh_source or fish_source", file=sys.stderr)
        return 2 * status
    return 0
