"""Which kernel runs on which stream: a window over kernels in their order, of which those that are ready run at once.

After ACS (Durvasula et al., ACS: Concurrent Kernel Execution on Irregular, Input-Dependent Computational Graphs, 2024,
arXiv 2401.12377), which keeps such a window while a program runs, since its kernels depend on the input. Here they do
not, whatever gates decide: so the window goes over them once, ahead, as if all kernels took equally long.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Access:
    """The memory that a kernel reads, and that it writes."""

    reads: frozenset[Hashable]
    writes: frozenset[Hashable]


@dataclass(frozen=True)
class Step:
    """A kernel by its number, the stream that it runs on, and kernels of other streams that it waits for."""

    kernel: int
    stream: int
    waits: tuple[int, ...]


def planned(accesses: Sequence[Access], streams: int, window: int) -> list[Step]:
    """All kernels, each behind those that it depends on.

    Args:
        accesses: of the kernels, in the order in which they would run one after the other.
        streams: most kernels that run at once.
        window: most kernels that are looked at for those that are ready.
    """
    before, steps, pending, following = predecessors(accesses), list[Step](), list[int](), 0
    stream_of: dict[int, int] = {}
    while len(steps) < len(accesses):
        more = min(window - len(pending), len(accesses) - following)
        pending += range(following, following + more)
        following += more
        ready = [kernel for kernel in pending if before[kernel] <= stream_of.keys()][:streams]
        found = _on_streams(ready, before, stream_of, streams)
        steps += [Step(kernel, stream, _waits(stream, before[kernel], stream_of)) for kernel, stream in found.items()]
        stream_of |= found
        pending = [kernel for kernel in pending if kernel not in found]
    return steps


def run_on_streams(
    steps: Sequence[Step], kernels: Sequence[Callable[[], None]], streams: Sequence[torch.cuda.Stream]
) -> None:
    """Launches ``kernels`` behind what the current stream has to do, and what comes behind there waits for them all."""
    current, awaited = torch.cuda.current_stream(), {other for step in steps for other in step.waits}
    behind: dict[int, torch.cuda.Event] = {}
    for stream in streams:
        stream.wait_stream(current)
    for step in steps:
        stream = streams[step.stream]
        for other in step.waits:
            stream.wait_event(behind[other])
        with torch.cuda.stream(stream):
            kernels[step.kernel]()
        if step.kernel in awaited:
            behind[step.kernel] = stream.record_event()
    for stream in streams:
        current.wait_stream(stream)


def predecessors(accesses: Sequence[Access]) -> list[set[int]]:
    """By kernel those before it that it depends on, but for what follows from these: it reads what they wrote, or
    writes what they wrote or read."""
    writer: dict[Hashable, int] = {}
    readers: dict[Hashable, set[int]] = {}
    found = []
    for kernel, access in enumerate(accesses):
        own = {writer[memory] for memory in access.reads | access.writes if memory in writer}
        own |= {reader for memory in access.writes for reader in readers.get(memory, ())}
        found.append(own)
        for memory in access.reads:
            readers.setdefault(memory, set()).add(kernel)
        for memory in access.writes:
            writer[memory], readers[memory] = kernel, set()
    return found


def _on_streams(ready: list[int], before: list[set[int]], stream_of: dict[int, int], streams: int) -> dict[int, int]:
    """A stream of its own for each: that of a kernel before it, which then need not be waited for, or any."""
    free, found = dict.fromkeys(range(streams)), dict[int, int]()
    for kernel in ready:
        known = [stream_of[one] for one in sorted(before[kernel], reverse=True) if stream_of[one] in free]
        found[kernel] = known[0] if known else next(iter(free))
        del free[found[kernel]]
    return found


def _waits(stream: int, before: set[int], stream_of: dict[int, int]) -> tuple[int, ...]:
    return tuple(sorted(one for one in before if stream_of[one] != stream))
