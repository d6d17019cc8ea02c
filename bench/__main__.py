"""``python -m bench``: the same program as ``bench``."""

import io
import os
import signal
import sys

from bench.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, Terminated
from bench.system.threads import let_waiting_threads_sleep


def main() -> None:
    """Runs the command line; a signal ends it with one line, also while its parts are still being loaded."""
    signal.signal(signal.SIGTERM, _terminate)
    _open_standard_streams()
    _forget_unknown_sizes()
    let_waiting_threads_sleep()
    # A name that the terminal's encoding cannot show is shown by its number.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        from bench.cli import main as run

        run()
    except KeyboardInterrupt as signal_:
        print("bench: interrupted", file=sys.stderr)
        sys.exit(EXIT_TERMINATED if isinstance(signal_, Terminated) else EXIT_INTERRUPTED)


def _terminate(number: int, frame: object) -> None:
    raise Terminated


def _open_standard_streams() -> None:
    """Opens those that were closed (``>&-``), or the next file that is opened would take their place.

    Output that cannot be written is an error, which is told; where errors cannot be told, nothing is.
    """
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, mode), number)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False, errors="backslashreplace")  # noqa: SIM115


def _forget_unknown_sizes() -> None:
    """A terminal whose width is 0 does not know it; taken at its word, no table has room for a single letter."""
    for name in ("COLUMNS", "LINES"):
        if not os.environ.get(name, "1").strip("0"):
            del os.environ[name]


if __name__ == "__main__":
    main()
