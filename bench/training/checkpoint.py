"""Where a training stands, on disk: whole, of this job, or not used."""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path

import torch

from bench.errors import BadInput
from bench.system.files import write_atomically

LOG = logging.getLogger(__name__)
_DIGEST_BYTES = hashlib.sha256().digest_size


def save_checkpoint(path: Path, state: dict, identity: str) -> None:
    """Writes ``state``, and behind it its SHA-256; the checkpoint before it stays beside it.

    Args:
        identity: names all that determines the training; only the same one may go on from here.

    Raises:
        BadInput: it cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(state | {"identity": identity}, buffer)
    content = buffer.getvalue()
    digest = hashlib.sha256(content).digest()
    write_atomically(path, lambda temporary: temporary.write_bytes(content + digest), previous=_previous(path))


def load_checkpoint(path: Path, identity: str, device: torch.device) -> dict | None:
    """The last whole state saved at ``path``; None where there is none, so that training starts at its beginning.

    A damaged file is no reason to stop: the one before it, or the beginning, leads to the same numbers.

    Raises:
        BadInput: the file is whole, but of another job, of other data or of another program.
    """
    for candidate in (path, _previous(path)):
        content = _whole(candidate)
        if content is None:
            continue
        try:
            state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
        except Exception as error:  # refused code comes as many exception types
            raise BadInput(f"checkpoint {candidate} holds more than weights; remove it to start again") from error
        if not isinstance(state, dict) or state.get("identity") != identity:
            raise BadInput(f"checkpoint {candidate} is of another job or other data; remove it to start again")
        return state
    return None


def has_checkpoints(folder: Path) -> bool:
    """Whether there are checkpoints of the job in ``folder``."""
    return any(folder.glob("checkpoint-*"))


def remove_checkpoints(folder: Path) -> None:
    """Removes all checkpoints of a job that is done."""
    for path in folder.glob("checkpoint-*"):
        path.unlink(missing_ok=True)


def _previous(path: Path) -> Path:
    return path.with_name(f"{path.name}.previous")


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
