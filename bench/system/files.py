"""Files that are either whole or not there."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bench.errors import BadInput

_UNFINISHED = ".*.tmp"


def write_atomically(path: Path, write: Callable[[Path], object], previous: Path | None = None) -> None:
    """Calls ``write`` with a temporary path beside ``path``, flushes it to disk and renames it into place.

    After a power cut there is the old file or the new one, and never a later file without the earlier ones.

    Args:
        previous: where to keep what stood at ``path`` before.

    Raises:
        BadInput: the disk is full or the folder cannot be written.
    """
    # No process number: over a shared folder two machines may have the same.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        write(temporary)
        _flush(temporary)
        if previous is not None and path.exists():
            path.replace(previous)
        temporary.replace(path)
        # Some network file systems flush no folders; they write names through anyway.
        with suppress(OSError):
            _flush(path.parent)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Removes what a process that was killed while writing left in ``folder``; no other may be writing there."""
    for path in folder.glob(_UNFINISHED):
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_hash(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        if path.exists() and not path.is_file():  # a device never ends
            raise BadInput(f"cannot read {path}: no regular file")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
