"""The ways in which a run ends early with one clear line."""

EXIT_CHECK_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED, EXIT_TERMINATED = 1, 2, 130, 143


class BadInput(Exception):
    """What the user gave cannot be used: shown as one line on stderr, exit code 2."""


class CheckFailed(Exception):
    """A check compared something and it did not hold: exit code 1."""


class Notice(RuntimeWarning):
    """Something that a reader of the result should know: one line on stderr, and the work goes on."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a run as Ctrl-C does, but for its exit code: 143."""
