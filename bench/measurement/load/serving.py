"""The process that answers requests."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor

from bench.measurement.memory import NOW, memory_mb

PATIENCE_S = 120.0
"""A server that is not ready by then never will be."""
END_S = 10.0
"""A server that has not ended by then is killed."""
AHEAD = 8
"""Of how many batches requests are looked through for those that go the same way."""


@dataclass(frozen=True)
class Policy:
    """Which requests are answered together.

    Attributes:
        most: at most so many; 1: one by one.
        window_ms: how long the first one waits for others; 0: only those that wait already come along.
        alike: only requests whose images go the same way as that of the first one.
    """

    most: int = 1
    window_ms: float = 0.0
    alike: bool = False


class Server:
    """A process of its own with one network; it notes in shared memory when it began and ended each answer.

    ``before_mb`` is the memory that the process held before it loaded the network, None where the system does not say.

    Args:
        load: makes the network's ``predict``, a function of images ``[n, 3, H, W]``, in the new process.
        images: normalised, ``[N, 3, H, W]``; request number ``n`` is about image ``n % N``.
        requests: how many may be asked for.
        ways: which way each image goes, ``[N]``; needed where ``policy`` groups by it.
    """

    def __init__(
        self,
        load: Callable[[], Callable[[Tensor], Tensor]],
        images: Tensor,
        requests: int,
        policy: Policy,
        ways: Sequence[int] = (),
    ):
        self.arguments = (load, images.share_memory_(), _Waiting(policy, len(images), tuple(ways)))
        self.begun = torch.zeros(requests, dtype=torch.float64).share_memory_()
        self.ended = torch.zeros(requests, dtype=torch.float64).share_memory_()
        self.predicted = torch.full((requests,), -1).share_memory_()
        self.times_answered = torch.zeros(requests, dtype=torch.int32).share_memory_()
        self.start()

    def start(self) -> None:
        """Starts a process, the first one or one in place of another that died; returns once it can answer.

        Raises:
            RuntimeError: it does not come up.
        """
        spawn: Any = multiprocessing.get_context("spawn")
        self.connection, other = spawn.Pipe()
        notes = (self.begun, self.ended, self.predicted, self.times_answered)
        self.process = spawn.Process(target=_serve, args=(other, *self.arguments, notes), daemon=True)
        self.process.start()
        other.close()
        if not self.connection.poll(PATIENCE_S):
            raise RuntimeError("the serving process did not start")
        try:
            self.before_mb: float | None = self.connection.recv()
        except (EOFError, OSError) as error:
            raise RuntimeError("the serving process ended before it could answer") from error

    def ask(self, number: int) -> None:
        """Sends one request.

        Raises:
            OSError: the process died.
        """
        self.connection.send(number)

    def stop(self) -> None:
        """Ends the process; one that is stuck is killed."""
        self.connection.close()  # which ends its requests; a message could wait for room in the pipe
        self.process.join(END_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


@torch.inference_mode()
def _serve(
    connection: Connection,
    load: Callable[[], Callable[[Tensor], Tensor]],
    images: Tensor,
    waiting: _Waiting,
    notes: tuple[Tensor, Tensor, Tensor, Tensor],
) -> None:
    torch.set_num_threads(1)
    before = memory_mb("self", NOW)
    predict, (begun, ended, predicted, times_answered) = load(), notes
    for _ in range(20):
        predict(images[:1])
    connection.send(before)
    while batch := waiting.next(connection):
        start = time.perf_counter()
        found = predict(images[[number % len(images) for number in batch]]).argmax(1)
        predicted[batch], begun[batch] = found, start
        times_answered[batch] += 1
        ended[batch] = time.perf_counter()  # last: what has an end has been answered


class _Waiting:
    """Requests that were received and have no answer yet."""

    def __init__(self, policy: Policy, images: int, ways: tuple[int, ...]):
        self.policy, self.images, self.ways = policy, images, ways
        self.numbers: list[int] = []
        self.ended = False

    def next(self, connection: Connection) -> list[int]:
        """Requests to answer together, among them the one that waits longest; none: the end."""
        self._receive(connection)
        batch = [number for number in self.numbers if self._way(number) == self._way(self.numbers[0])]
        batch = batch[: self.policy.most]
        self.numbers = [number for number in self.numbers if number not in batch]
        return batch

    def _receive(self, connection: Connection) -> None:
        room = self.policy.most * (AHEAD if self.policy.alike else 1)
        until = None if not self.numbers else 0.0
        while not self.ended and len(self.numbers) < room:
            if until is not None and not connection.poll(max(0.0, until - time.perf_counter())):
                return
            try:
                self.numbers.append(connection.recv())
            except EOFError:
                self.ended = True
            until = until if until is not None else time.perf_counter() + self.policy.window_ms / 1000

    def _way(self, number: int) -> int:
        return self.ways[number % self.images] if self.policy.alike else 0
