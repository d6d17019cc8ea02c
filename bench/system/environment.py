"""What machine, what versions, what commit: where a number comes from."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import bench

PACKAGES = ("dynamic-inference-bench", "torch", "torchvision", "timm", "numpy", "pandas", "scikit-learn", "scipy")
CONSTRAINTS = Path(__file__).with_name("constraints")
"""A file for each release, of the versions that it was tested with."""


def describe(device: torch.device) -> dict:
    """Processor, accelerator, threads and package versions; no host or user name, no path."""
    return {
        "processor": _processor(),
        "cores": torch.get_num_threads(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "accelerator": torch.cuda.get_device_name(device) if device.type == "cuda" else "",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def provenance(environment: dict) -> dict[str, str]:
    """The part of a record's columns that says from what source, when and in which ``environment`` it was made."""
    return {
        "commit": commit(),
        "created_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "environment_id": identify(environment),
    }


def constraints_met(packages: Mapping[str, str]) -> str:
    """The newest release whose tested versions all ``packages`` of other projects have; empty if there is none.

    Args:
        packages: versions by name; what stands behind a ``+``, as in ``2.14.1+cpu``, does not count.
    """
    found = {name: version.partition("+")[0] for name, version in packages.items() if name != PACKAGES[0]}
    releases = sorted(CONSTRAINTS.glob("*.txt"), key=lambda file: [*map(int, file.stem.split("."))], reverse=True)
    for file in releases:
        pinned = dict(line.split("==") for line in file.read_text().splitlines() if "==" in line)
        if all(pinned.get(name) == version for name, version in found.items()):
            return file.stem
    return ""


def identify(environment: dict) -> str:
    """A short hash that is equal exactly for equal environments."""
    return hashlib.sha256(json.dumps(environment, sort_keys=True).encode()).hexdigest()[:12]


@cache
def commit() -> str:
    """Commit of the source tree, with ``-dirty`` behind it where files differ.

    An installed package has no commit: its version and a hash of its files stand for it, ``0.1.0+sha256.<12 digits>``.
    """
    folder = Path(__file__).resolve().parents[2]

    # Git sets GIT_DIR and others in its hooks: what they name is somebody else's repository.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), f"--git-dir={folder / '.git'}", f"--work-tree={folder}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=own).stdout.strip()

    try:
        if (folder / ".git").exists():
            return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        pass
    return f"{bench.__version__}+sha256.{_source_hash(folder)[:12]}"


def _source_hash(folder: Path) -> str:
    """SHA-256 over the Python files of this project's packages in ``folder``."""
    digest = hashlib.sha256()
    for package in ("baselines", "bench", "lcnet"):
        for file in sorted((folder / package).rglob("*.py")):
            digest.update(file.read_bytes().replace(b"\r\n", b"\n"))  # as it was committed
    return digest.hexdigest()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
