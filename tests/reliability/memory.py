"""Memory of one process over a suite of many jobs.

python tests/reliability/memory.py --jobs 200
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import click
import forks
import numpy as np

MOST_GROWTH_MIB = 32.0
"""Over all but the first quarter of the jobs: allocators keep a few MiB now and then, however few jobs there are."""


def resident_mib() -> float:
    """Of this process, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def measured(jobs: int) -> list[float]:
    """MiB after each of ``jobs`` jobs of one process, half of them dense networks and half gated ones."""

    def work(tell: int) -> None:
        from bench.runs.engines import dispatch

        attempt = dispatch.attempt

        def measured_attempt(*arguments):
            outcome = attempt(*arguments)
            os.write(tell, f"{resident_mib():.1f}\n".encode())
            return outcome

        dispatch.attempt = measured_attempt
        seeds = ",".join(map(str, range(jobs // 2)))
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            arguments = f"run --methods lnet --points 0.6 --seeds {seeds} --backbone resnet8-w0.25 --epochs 1".split()
            try:
                forks.bench([*arguments, "--no-timing"])
            finally:
                os.chdir("/")

    ended = forks.Fork(work).wait(3600)
    if ended.status:
        raise SystemExit(ended.error)
    return [json.loads(line) for line in ended.note.splitlines()]


def growth(sizes: list[float]) -> float:
    """MiB over all but the first quarter of the jobs, along the line that fits them."""
    settled = sizes[len(sizes) // 4 :]
    return len(settled) * float(np.polyfit(np.arange(len(settled)), settled, 1)[0])


@click.command(help=__doc__.split("\n")[0])
@click.option("--jobs", default=200)
def main(jobs: int) -> None:
    forks.loaded()
    forks.without_plots()
    sizes = measured(jobs)
    shown = [max(1, round(jobs * share)) for share in (0.005, 0.05, 0.25, 0.5, 0.75, 1)]
    click.echo("| job | " + " | ".join(map(str, shown)) + " | growth after the first quarter |")
    click.echo("| --- |" + " ---: |" * (len(shown) + 1))
    click.echo("| MiB | " + " | ".join(f"{sizes[job - 1]:.0f}" for job in shown) + f" | {growth(sizes):.1f} |")
    sys.exit(growth(sizes) > MOST_GROWTH_MIB or len(sizes) != jobs)


if __name__ == "__main__":
    main()
