"""The command line: one file per subcommand."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from contextlib import suppress
from typing import Any, TextIO

import click

from bench import __version__
from bench.cli import completion
from bench.cli.deferred import Commands, Deferred
from bench.errors import (
    EXIT_BAD_INPUT,
    EXIT_CHECK_FAILED,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    BadInput,
    CheckFailed,
    Notice,
    Terminated,
)

MOST_SAID = 900
WANTS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ECHILD)
"""What a process may be short of, whatever it was about to open or start."""


_as_usual = warnings.formatwarning
COMMANDS = {
    "run": "Trains and measures methods beside their dense backbone.",
    "status": "Shows which jobs are done, running, waiting or failed, and why.",
    "cancel": "Ends what runs into a folder.",
    "merge": "Brings the records of several folders into one.",
    "import": "Sets outcomes of a network that ran elsewhere beside ours.",
    "report": "Makes tables, plots and a page of records.",
    "compare": "Puts two records side by side, image by image.",
    "curve": "Moves the thresholds of one trained network.",
    "headroom": "Says what choosing a network for each image could gain.",
    "stress": "Measures trained networks on shifted and on attacked images.",
    "load": "Measures latency under arriving requests.",
    "decide": "Says which entry to ship, which fell out and why.",
    "leaderboard": "Ranks methods over data sets, backbones and budgets.",
    "tune": "Sets the thresholds of one trained network for a budget.",
    "quantise": "Quantises trained networks to int8 and measures them.",
    "check": "Compares records with agreed numbers, shipped networks with their records.",
    "export": "Writes a trained network as a file for other runtimes.",
    "publish": "Rounds trained networks for shipping, and measures them as rounded.",
    "verify": "Checks whether a method is what it claims to be.",
    "list": "Lists methods, datasets, backbones or suites.",
}
"""Each is the function of its name in the file of its name; what Python calls otherwise has a line below it."""
_FUNCTIONS = {"list": "list:list_", "import": "import_:import_"}


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="bench")
def cli() -> None:
    """Does dynamic inference really pay? Accuracy, MACs per image and time, side by side."""


for _name, _help in COMMANDS.items():
    cli.add_command(Deferred(_name, f"bench.cli.{_FUNCTIONS.get(_name, f'{_name}:{_name}')}", _help))


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits: 0 done, 1 a check failed, 2 bad input, 130 interrupted, 143 terminated."""
    warnings.formatwarning = _formatted
    sys.exit(_status(arguments))


def _formatted(message: Warning | str, category: type[Warning], *place: Any, **line: Any) -> str:
    """A notice as one line; other warnings as Python shows them."""
    return f"bench: {message}\n" if issubclass(category, Notice) else _as_usual(message, category, *place, **line)


def _status(arguments: list[str] | None) -> int:
    if instruction := os.environ.get(completion.VARIABLE):
        return completion.answer(cli, instruction)
    try:
        _require_current_folder()
        cli.main(arguments, prog_name="bench", standalone_mode=False)
        sys.stdout.flush()
    except CheckFailed as error:
        return _say(str(error), EXIT_CHECK_FAILED)
    except BadInput as error:
        return _say(str(error), EXIT_BAD_INPUT)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_BAD_INPUT
    except click.ClickException as error:
        return _say(error.format_message(), EXIT_BAD_INPUT)
    except SystemExit:  # click's and rich's answer to a reader of stdout that has gone
        return _without_output("standard output was closed before everything was written")
    except OSError as error:
        if error.errno in WANTS:
            return _say(str(error.strerror), EXIT_BAD_INPUT)
        if error.filename is None:
            return _without_output(f"cannot write to standard output: {error.strerror or error}")
        return _say(f"{error.filename}: {error.strerror or error}", EXIT_BAD_INPUT)
    except MemoryError:
        return _say("out of memory", EXIT_BAD_INPUT)
    except ImportError as error:
        return _say(f"a part of the program cannot be loaded: {error}", EXIT_BAD_INPUT)
    except Warning as error:
        return _say(f"a warning, which PYTHONWARNINGS or -W makes an error: {error}", EXIT_BAD_INPUT)
    except (click.Abort, KeyboardInterrupt) as error:
        terminated = isinstance(error, Terminated) or isinstance(error.__cause__, Terminated)
        _drop_output()
        return _say(str(error) or "interrupted", EXIT_TERMINATED if terminated else EXIT_INTERRUPTED)
    return 0


def _require_current_folder() -> None:
    """Raises BadInput where it was removed: Python would still find the program, but libraries not their parts."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise BadInput("the current folder has been removed: change to another one") from None


def _without_output(message: str) -> int:
    _drop_output()
    return _say(message, EXIT_BAD_INPUT)


def _drop_output() -> None:
    _drop(sys.stdout)


def _drop(stream: TextIO) -> None:
    """What is still in the buffer Python would write once more when it ends: fail again, or wait for its reader."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say(message: str, status: int) -> int:
    """One line on stderr, whatever the message holds: no control characters, no more than can be read."""
    line = "".join(letter if letter.isprintable() else "?" for letter in " ".join(message[:MOST_SAID].split()))
    try:
        click.echo(f"bench: {line}{'...' if len(message) > MOST_SAID else ''}", err=True)
    except OSError:  # Where nothing can be said, the exit code still tells.
        _drop(sys.stderr)
    return status
