"""``python -m bench``: the same program as ``bench``."""

import signal
import sys

from bench.errors import Terminated
from bench.system.threads import let_waiting_threads_sleep

EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143


def main() -> None:
    """Runs the command line; a signal ends it with one line, also while its parts are still being loaded."""
    signal.signal(signal.SIGTERM, _terminate)
    let_waiting_threads_sleep()
    # A name that the terminal's encoding cannot show is shown by its number.
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        from bench.cli import main as run  # takes seconds

        run()
    except KeyboardInterrupt as signal_:
        print("bench: interrupted", file=sys.stderr)
        sys.exit(EXIT_TERMINATED if isinstance(signal_, Terminated) else EXIT_INTERRUPTED)


def _terminate(number: int, frame: object) -> None:
    raise Terminated


if __name__ == "__main__":
    main()
