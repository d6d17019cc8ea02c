"""Orders in which a GPU might run what was launched on several streams."""

from __future__ import annotations

from collections.abc import Sequence

from bench.execution.triton.window import Step


def adversarial(steps: Sequence[Step], favourites: Sequence[int]) -> list[int]:
    """Kernels in an order that streams and waits allow: of the streams that may go on, always the first favourite."""
    left = {stream: [step for step in steps if step.stream == stream] for stream in favourites}
    done: list[int] = []
    while any(left.values()):
        ready = [lane for lane in left.values() if lane and set(lane[0].waits) <= set(done)]
        done.append(ready[0].pop(0).kernel)
    return done
