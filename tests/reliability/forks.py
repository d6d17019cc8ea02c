"""Forks of this process that run ``bench``: imports are paid for once, and every attempt is a real process of its own.

Whoever forks must have one thread: ``OMP_NUM_THREADS=1``, which this module sets before torch is loaded.
"""

from __future__ import annotations

import gc
import os

os.environ["OMP_NUM_THREADS"] = "1"

import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BROKEN = 70
"""Exit status of a fork that ended by an exception: a traceback."""


@dataclass(frozen=True)
class Ended:
    """How a fork ended; ``status`` is negative for a signal, ``note`` what it told its parent before."""

    status: int
    out: str
    error: str
    note: str
    hung: bool = False

    @property
    def has_traceback(self) -> bool:
        return self.status == BROKEN or "Traceback" in self.error


class Fork:
    """A running fork of this process that calls ``work`` with a descriptor to tell its parent something through."""

    def __init__(self, work: Callable[[int], object]):
        sys.stdout.flush()
        self.out, self.error = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        self.listen, tell = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            _child(work, self.out.fileno(), self.error.fileno(), tell)
        os.close(tell)

    def wait(self, timeout_s: float = 60.0) -> Ended:
        """Waits for its end; one that takes longer than ``timeout_s`` is killed and has hung."""
        deadline, hung = time.monotonic() + timeout_s, False
        while not (found := os.waitpid(self.process, os.WNOHANG))[0]:
            if time.monotonic() > deadline:
                os.kill(self.process, signal.SIGKILL)
                hung, deadline = True, deadline + timeout_s
            time.sleep(0.005)
        note = b""
        while part := os.read(self.listen, 65536):
            note += part
        os.close(self.listen)
        texts = []
        for file in (self.out, self.error):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
            file.close()
        return Ended(os.waitstatus_to_exitcode(found[1]), *texts, note.decode(), hung)


def _child(work: Callable[[int], object], out: int, error: int, tell: int) -> None:
    status = BROKEN
    try:
        os.dup2(out, 1)
        os.dup2(error, 2)
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            work(tell)
            status = 0
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 0
        sys.stdout.flush()  # as the interpreter does when it ends
    except BaseException:
        status = BROKEN
        traceback.print_exc()
    finally:
        os._exit(status)


def bench(arguments: list[str]) -> None:
    """The program, as ``python -m bench`` runs it, but for its imports."""
    from bench.__main__ import main

    sys.argv = ["bench", *arguments]
    main()


@cache
def imported() -> None:
    """Imports all that commands load when they are called. No operator may run on a second thread here."""
    import torch
    import torch._inductor  # which optimisers load when they are first made

    torch.set_num_threads(1)
    gc.freeze()  # no fork looks through all that is loaded here


@cache
def loaded() -> None:
    """The same, and the digits become 256 images to train with, 64 to validate, 128 to test."""
    imported()
    import bench.data

    digits = _few(bench.data.load_data("digits", None))
    digits.fingerprint()
    read = bench.data.load_data

    def load_data(name: str, data_dir: Path | None, *options: object):
        return digits if name == "digits" else read(name, data_dir, *options)

    gc.freeze()
    for name, module in list(sys.modules.items()):
        if name.startswith("bench.") and getattr(module, "load_data", None) is read:
            module.load_data = load_data


def _few(data):
    fields = {name: getattr(data, name) for name in data.__dataclass_fields__}
    splits = {"train": 256, "validation": 64, "test": 128}
    return type(data)(**fields | {name: getattr(data, name).first(count) for name, count in splits.items()})


def without_plots() -> None:
    """Drawing takes seconds; tables and pages stay."""
    import bench.report.write

    bench.report.write.draw = lambda *what: []
