"""``bench.log`` in the folder of a run: one line for each thing that happened to a job."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_FILE = "bench.log"
LARGEST_BYTES, OLDER_FILES = 1_000_000, 3


class _Handler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk takes the log, not the run."""


@contextmanager
def log_to(folder: Path) -> Iterator[None]:
    """Writes what the harness logs within the context to ``folder``; no file where nothing happens."""
    logger = logging.getLogger("bench")
    handler = _Handler(folder / LOG_FILE, maxBytes=LARGEST_BYTES, backupCount=OLDER_FILES, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    before = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
        handler.close()
