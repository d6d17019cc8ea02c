"""Where the shipped networks lie: in ``results`` of the repository, wherever this package was installed from it."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

import bench
from bench.choices import SHIPPED, SHIPPED_FOLDER
from bench.errors import BadInput
from bench.records import RECORD_FILE

HOW_TO_GET = (
    "the shipped networks are part of the repository, not of the installed package: clone it and give its folder, "
    f"--pretrained CLONE/{SHIPPED_FOLDER}"
)


def shipped_folder(given: Path) -> Path:
    """The folder ``given``, or the first ``results`` with records where it is ``SHIPPED``.

    Raises:
        BadInput: there is no such folder; says how to get the networks.
    """
    if str(given) != SHIPPED:
        if not given.is_dir():
            raise BadInput(f"no folder {given}; {HOW_TO_GET}")
        return given
    places = (Path(), Path(bench.__file__).resolve().parent.parent, *_installed_from())
    found = (place / SHIPPED_FOLDER for place in places)
    folder = next((one for one in found if any(one.glob(f"*/*/{RECORD_FILE}"))), None)
    if folder is None:
        raise BadInput(f"no shipped networks here: {HOW_TO_GET}")
    return folder


def _installed_from() -> list[Path]:
    """The folder that pip was given, by its own note of it (PEP 610), if it was one."""
    try:
        note = json.loads(distribution("dynamic-inference-bench").read_text("direct_url.json") or "{}")
        address = urlsplit(note.get("url", ""))
    except (PackageNotFoundError, OSError, ValueError, AttributeError):
        return []
    return [Path(unquote(address.path))] if address.scheme == "file" else []
