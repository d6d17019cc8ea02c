"""Workers that cannot work end the reading in one line; nobody waits for them."""

import os
import re
import signal
import subprocess
import sys
from multiprocessing.reduction import ForkingPickler

import pytest
import torch

from bench.data import DataOptions, load_data, workers
from bench.data.decoding import Decoder
from bench.errors import BadInput

READ = """
import subprocess
import sys
from pathlib import Path
from bench.data import DataOptions, load_data, workers
from bench.errors import BadInput

real = workers.SHARED_MEMORY
for case in sys.argv[2:]:
    options, look = case.split(":")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", "/dev/shm"], check=True)
    workers.SHARED_MEMORY = real if look == "seen" else Path("/nowhere")
    data = load_data("imagenet", Path(sys.argv[1]), DataOptions(workers=2))
    try:
        print(f"read {sum(len(labels) for _, labels in data.test.batches(9))}")
    except BadInput as error:
        print(error)
"""
CASES = {
    "size=2m:seen": r"^2 loader workers may need 3 MiB of shared memory, but /dev/shm has 2 MiB: .*shm-size$",
    # Either: the worker is told that there is no space, or the system ends it, as with torch 2.8.
    "size=2m:unseen": "^images cannot be passed on through shared memory: .*No space left"
    "|^a process that decodes images has ended .*, perhaps for want of memory, shared memory or open files",
    "size=2m,ro:unseen": r"^cannot start 2 processes that decode images \(Read-only file system\): give fewer",
    "size=64m:seen": "^read 18$",
}
"""Size of the shared memory, whether it can be seen, and what is said."""


def _can_mount() -> bool:
    command = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/dev/shm"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.skipif(not _can_mount(), reason="needs the right to mount")
def test_too_little_shared_memory_is_one_line(image_folders):
    """All in one process: each would load torch first."""
    command = ["unshare", "-m", sys.executable, "-c", READ, str(image_folders), *CASES]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    lines = ended.stdout.splitlines()
    assert len(lines) == len(CASES), ended.stdout + ended.stderr
    for line, says in zip(lines, CASES.values()):
        assert re.search(says, line), ended.stdout


def _killed(self, item):
    os.kill(os.getpid(), signal.SIGKILL)


def _never_sent(storage):
    raise OSError("too many open files")


def test_a_worker_that_is_killed_ends_the_reading(image_folders, monkeypatch):
    data = load_data("imagenet", image_folders, DataOptions(workers=1))
    monkeypatch.setattr(workers.Loading, "_require_shared_memory", lambda *_: None)  # which decodes one image here
    monkeypatch.setattr(Decoder, "__getitem__", _killed)
    with pytest.raises(BadInput, match=r"a process that decodes images has ended \(.*\), perhaps for want of memory"):
        list(data.test.batches(9))


@pytest.fixture
def patience():
    """A test that waits for more than a minute waits for ever."""

    def give_up(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_a_batch_that_cannot_be_handed_over_ends_the_reading(image_folders, monkeypatch, patience):
    """It fails in a thread of the worker, which by itself would print a traceback and let the loader wait for ever."""
    data = load_data("imagenet", image_folders, DataOptions(workers=1))
    monkeypatch.setitem(ForkingPickler._extra_reducers, torch.UntypedStorage, _never_sent)
    with pytest.raises(BadInput, match="a process that decodes images has ended"):
        list(data.test.batches(9))


def test_no_process_can_be_started(image_folders, monkeypatch):
    def refuse():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    data = load_data("imagenet", image_folders, DataOptions(workers=1))
    with pytest.raises(BadInput, match=r"cannot start 1 processes .*Resource temporarily unavailable.*loader-workers"):
        list(data.test.batches(9))
