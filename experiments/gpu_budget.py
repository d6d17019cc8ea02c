"""Minutes of a machine, and what of a table fits into them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator


class Budget:
    """Whether one combination more will likely end in time, from what those before it took.

    Args:
        minutes: from now on.
        clock: in seconds.
    """

    def __init__(self, minutes: float, clock: Callable[[], float] = time.monotonic):
        self.clock, self.end = clock, clock() + 60 * minutes
        self.longest: dict[tuple[str, str], float] = {}

    def expected(self, network: str, precision: str) -> float:
        """Seconds: the most that ``network`` took in this precision, or, since kernels are compiled for each, in any.

        Of a network that was not measured yet, the most that any took; 0 before the first.
        """
        own = {key: seconds for key, seconds in self.longest.items() if key[0] == network}
        return own.get((network, precision), max((own or self.longest).values(), default=0.0))

    def allows(self, network: str, precision: str) -> bool:
        """Whether that ends in time."""
        return self.clock() + self.expected(network, precision) <= self.end

    @contextlib.contextmanager
    def spending(self, network: str, precision: str) -> Iterator[None]:
        """What happens within is what this combination takes."""
        begin = self.clock()
        yield
        took = self.clock() - begin
        self.longest[network, precision] = max(took, self.longest.get((network, precision), 0.0))
