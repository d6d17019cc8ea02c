"""Where a training stands, on disk: whole, of this job, or not used."""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from bench.errors import BadInput
from bench.system.files import write_atomically

LOG = logging.getLogger(__name__)
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Checkpoint:
    """The file that holds where a training stands.

    Attributes:
        path: of the file; the checkpoint before it stays beside it.
        identity: names all that determines the training; only the same one may go on from here.
        every_s: seconds between checkpoints within an epoch, where there are micro-batches: only then does a step's
            randomness not depend on the steps before it.
    """

    path: Path
    identity: str = ""
    every_s: float = 600.0

    def save(self, state: dict) -> None:
        """Writes ``state``, and behind it its SHA-256.

        Raises:
            BadInput: it cannot be written.
        """
        buffer = io.BytesIO()
        torch.save(state | {"identity": self.identity}, buffer)
        content = buffer.getvalue()
        content += hashlib.sha256(content).digest()
        write_atomically(self.path, lambda temporary: temporary.write_bytes(content), previous=self.previous)

    def load(self, device: torch.device) -> dict | None:
        """The last whole state that was saved; None where there is none, so that training starts at its beginning.

        A damaged file is no reason to stop: the one before it, or the beginning, leads to the same numbers.

        Raises:
            BadInput: the file is whole, but of another job, of other data or of another program.
        """
        for candidate in (self.path, self.previous):
            content = _whole(candidate)
            if content is None:
                continue
            try:
                state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
            except Exception as error:  # refused code comes as many exception types
                raise BadInput(f"checkpoint {candidate} holds more than weights; remove it to start again") from error
            if not isinstance(state, dict) or state.get("identity") != self.identity:
                raise BadInput(f"checkpoint {candidate} is of another job or other data; remove it to start again")
            return state
        return None

    @property
    def previous(self) -> Path:
        """Where the checkpoint before the last one lies."""
        return self.path.with_name(f"{self.path.name}.previous")


def has_checkpoints(folder: Path) -> bool:
    """Whether there are checkpoints of the job in ``folder``."""
    return any(folder.glob("checkpoint-*"))


def remove_checkpoints(folder: Path) -> None:
    """Removes all checkpoints of a job that is done."""
    for path in folder.glob("checkpoint-*"):
        path.unlink(missing_ok=True)


def _whole(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    content, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() == digest:
        return content
    LOG.warning("%s is damaged: continuing from what stands before it", path)
    return None
