"""Several `bench run` into one folder at once: every job is done by exactly one of them, whoever dies.

python tests/reliability/parallel.py --processes 4

Jobs are tiny, as in `faults.py`. Two of the processes reach the folder by another path where it can be mounted twice.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click
import forks
from faults import whole

from bench.runs import locks

COMMAND = "run --methods lnet,slim --points 0.6 --backbone resnet8-w0.25 --epochs 1 --no-timing --out runs --seeds"
JOBS_PER_SEED = 3
STARTS, DONE = re.compile(r"INFO (\S+): record$", re.M), re.compile(r"INFO (\S+) is recorded$", re.M)
TOGETHER, TWO_PATHS, KILLED, NAMELESS = (
    "one folder",
    "one folder under two mounts",
    "one process killed at its first job",
    "a lock left empty by a dead process",
)


@dataclass(frozen=True)
class Outcome:
    """What several processes made of the same jobs.

    Attributes:
        jobs: what there was to do.
        begun: attempts; those of a process that was killed and are taken up by another count twice.
        twice: jobs that were finished more than once.
        same: whether the records are those of a single undisturbed process.
    """

    processes: int
    jobs: int
    begun: int
    finished: int
    twice: int
    statuses: list[int]
    same: bool
    seconds: float

    def holds(self, killed: int) -> bool:
        """Whether nothing was lost, done twice or waited for in vain."""
        fine = sorted(self.statuses) == sorted([-signal.SIGKILL] * killed + [0] * (self.processes - killed))
        return fine and self.finished == self.jobs and not self.twice and self.begun <= self.jobs + killed and self.same


def together(places: list[Path], seeds: int, kill_first: bool, reference: dict) -> Outcome:
    """Runs one process in each of ``places``, all the same folder."""
    begun = time.time()
    running = [forks.Fork(lambda tell, place=place: _work(place, seeds)) for place in places]
    if kill_first:
        while not (held := _held(places[0], [one.process for one in running])):
            time.sleep(0.002)
        os.kill(held[0], signal.SIGKILL)
        # It is waited for first: until then it counts as alive, and the other one waits for its job.
        running.sort(key=lambda one: one.process != held[0])
        click.echo(f"killed while it ran {held[1]}", err=True)
    ended = [one.wait(600) for one in running]
    for one in ended:
        if one.status not in (0, -signal.SIGKILL):
            click.echo(one.error, err=True)
    out = places[0] / "runs"
    log = (out / "bench.log").read_text()
    done = Counter(DONE.findall(log))
    return Outcome(
        len(places),
        JOBS_PER_SEED * seeds,
        len(STARTS.findall(log)),
        len(done),
        sum(count > 1 for count in done.values()),
        [one.status for one in ended],
        whole(out) == reference,
        time.time() - begun,
    )


def _work(place: Path, seeds: int) -> None:
    os.chdir(place)
    forks.bench([*COMMAND.split(), ",".join(map(str, range(seeds)))])


def _held(place: Path, processes: list[int]) -> tuple[int, str] | None:
    """The first of ``processes`` that holds a job, and that job; None where none does."""
    for lock in (place / "runs" / ".locks").glob("*-digits-*"):
        with suppress(OSError):
            owner = lock.read_text()
            for process in processes:
                if f"pid={process}\n" in owner:
                    return process, lock.name
    return None


@contextmanager
def second_path(place: Path) -> Iterator[Path | None]:
    """Another path to ``place``; None where nothing can be mounted."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(["mount", "--bind", place, folder], capture_output=True, check=False)
        try:
            yield None if mounted.returncode else Path(folder)
        finally:
            if not mounted.returncode:
                subprocess.run(["umount", "--lazy", folder], check=False)


def situation(name: str, processes: int, seeds: int, reference: dict) -> Outcome | None:
    """Brings it about; None where it cannot be here."""
    with tempfile.TemporaryDirectory() as folder, second_path(Path(folder)) as other:
        places = [Path(folder)] * processes
        if name == TWO_PATHS:
            if other is None:
                return None
            places[1::2] = [other] * len(places[1::2])
        if name == NAMELESS:
            locks = places[0] / "runs" / ".locks"
            locks.mkdir(parents=True)
            (locks / next(job for job in reference if job.startswith("dense"))).touch()
        return together(places, seeds, name == KILLED, reference)


def alone(seeds: int) -> dict:
    """What one process leaves."""
    with tempfile.TemporaryDirectory() as folder:
        ended = forks.Fork(lambda tell: _work(Path(folder), seeds)).wait(600)
        if ended.status:
            raise SystemExit(f"the undisturbed run failed: {ended.error}")
        return whole(Path(folder) / "runs")


@click.command(help=__doc__.split("\n")[0])
@click.option("--processes", default=4)
@click.option("--seeds", default=3)
def main(processes: int, seeds: int) -> None:
    forks.loaded()
    forks.without_plots()
    locks.NAMELESS_S = 2.0  # instead of ten: long enough to see that others respect it
    reference, fine = alone(seeds), True
    click.echo("| situation | processes | jobs | begun | finished | finished twice | lost | same records | seconds |")
    click.echo("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |")
    for name in (TOGETHER, TWO_PATHS, KILLED, NAMELESS):
        found = situation(name, processes, seeds, reference)
        if found is None:
            click.echo(f"| {name} | not run: nothing can be mounted here | | | | | | | |")
            continue
        fine &= found.holds(killed=int(name == KILLED))
        click.echo(
            f"| {name} | {processes} | {found.jobs} | {found.begun} | {found.finished} | {found.twice} | "
            f"{found.jobs - found.finished} | {'yes' if found.same else 'NO'} | {found.seconds:.0f} |"
        )
    sys.exit(not fine)


if __name__ == "__main__":
    main()
