"""How many processor threads a run computes with, and how they wait for each other.

Threads of OpenMP meet at the end of every operator. Where another program holds one of their cores, all of them wait
for the one thread that shares it, and those that wait spin. Small networks, whose operators take less than a
millisecond, lose more by this than the last core brings them, so they leave it to others.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

SMALL_STEP_MACS = 2_000_000_000
"""A training step whose forward pass has fewer MACs leaves one core free."""
SPIN_COUNT = "1000"
"""Rounds of GNU OpenMP's waiting loop before a thread sleeps: about ten microseconds, not milliseconds. Its own choice
where it knows of more threads than cores; it cannot know of other programs' threads."""
WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")
COUNTING = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def let_waiting_threads_sleep(environment: MutableMapping[str, str] = os.environ) -> None:
    """Has OpenMP's threads sleep after a short wait, unless the user said how they wait.

    Read when torch is loaded: call it before.
    """
    if not any(name in environment for name in WAITING):
        environment["GOMP_SPINCOUNT"] = SPIN_COUNT


def are_given(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Whether the user said how many threads there are to be."""
    return any(name in environment for name in COUNTING)


def threads_for(step_macs: int, cores: int) -> int:
    """The number of threads for training steps of this size, from 1 to ``cores``.

    It follows from the job and the machine alone, not from what else runs: results depend on the number of threads.

    Args:
        step_macs: MACs of one step's forward pass over the whole batch.
    """
    return max(1, cores - 1) if step_macs < SMALL_STEP_MACS else cores


def usable_cores() -> int:
    """Cores that this process may use: fewer than the machine has where a container or an affinity says so."""
    import joblib  # takes its time, and so does what calls this

    try:
        return joblib.cpu_count()
    except ValueError:  # Its own variable, LOKY_MAX_CPU_COUNT, is no number.
        return os.cpu_count() or 1
