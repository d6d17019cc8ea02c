"""``python -m bench``: the same program as ``bench``."""

import os
import signal
import sys

from bench.errors import Terminated

EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143


def main() -> None:
    """Runs the command line; a signal ends it with one line, also while its parts are still being loaded."""
    signal.signal(signal.SIGTERM, _terminate)
    _occupy_closed_streams()
    # A name that the terminal's encoding cannot show is shown by its number.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        from bench.cli import main as run  # takes seconds

        run()
    except KeyboardInterrupt as signal_:
        print("bench: interrupted", file=sys.stderr)
        sys.exit(EXIT_TERMINATED if isinstance(signal_, Terminated) else EXIT_INTERRUPTED)


def _occupy_closed_streams() -> None:
    """Lets a stream that was closed before the start lead nowhere, as under ``>&-``: Python has None in its place.

    Its number is taken, too: else the next file to be opened would get it, and with it what libraries print.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - for as long as the program runs


def _terminate(number: int, frame: object) -> None:
    raise Terminated


if __name__ == "__main__":
    main()
