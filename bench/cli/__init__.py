"""The command line: one file per subcommand."""

from __future__ import annotations

import sys

import click

from bench import __version__
from bench.cli.check import check
from bench.cli.compare import compare
from bench.cli.list import list_
from bench.cli.publish import publish
from bench.cli.report import report
from bench.cli.run import run
from bench.cli.verify import verify
from bench.errors import BadInput, CheckFailed

EXIT_CHECK_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 1, 2, 130


@click.group()
@click.version_option(__version__, prog_name="bench")
def cli() -> None:
    """Does dynamic inference really pay? Accuracy, MACs per image and time, side by side."""


for command in (run, report, compare, check, publish, verify, list_):
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits: 0 done, 1 a check failed, 2 bad input, 130 interrupted."""
    sys.exit(_status(arguments))


def _status(arguments: list[str] | None) -> int:
    try:
        cli.main(arguments, prog_name="bench", standalone_mode=False)
    except CheckFailed as error:
        return _say(str(error), EXIT_CHECK_FAILED)
    except BadInput as error:
        return _say(str(error), EXIT_BAD_INPUT)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_BAD_INPUT
    except click.ClickException as error:
        return _say(error.format_message(), EXIT_BAD_INPUT)
    except OSError as error:
        return _say(f"{error.filename or 'system'}: {error.strerror or error}", EXIT_BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted; the same command continues behind the last finished epoch", EXIT_INTERRUPTED)
    return 0


def _say(message: str, status: int) -> int:
    """One line on stderr, whatever the message holds."""
    click.echo(f"bench: {' '.join(message.split())}", err=True)
    return status
