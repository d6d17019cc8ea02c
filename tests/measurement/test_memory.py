"""Memory of a process, as the system tells it."""

import mmap
import os
import sys

import pytest

from bench.measurement.memory import NOW, PEAK, memory_mb

PAGE = 4096
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")


def test_what_a_process_takes_is_seen_and_its_peak_stays():
    before = memory_mb("self", NOW)
    # From the system itself: an allocator may hand out what an earlier test gave back.
    taken = mmap.mmap(-1, 80_000_000)
    taken[::PAGE] = b"1" * len(range(0, 80_000_000, PAGE))
    during, peak = memory_mb(os.getpid(), NOW), memory_mb("self", PEAK)
    assert during - before == pytest.approx(80, abs=20) and peak > during - 5
    taken.close()
    assert memory_mb("self", NOW) < during - 50 and memory_mb("self", PEAK) > peak - 5


def test_a_process_that_is_not_there_has_no_memory():
    assert memory_mb("nobody", NOW) is None and memory_mb(None, PEAK) is None
