"""Faults at random moments of `bench run`: what was finished stays, the next run goes on, the records are the same.

python tests/reliability/faults.py --faults 100

Jobs are tiny (256 digits, ResNet-8 a quarter as wide, two epochs), times are taken for moments only, nothing is drawn,
and every attempt is a fork of this process; all else is the program as it is. Several faults hit one folder, one after
the other, before a run may finish it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType

import click
import forks
import pandas as pd

COMMAND = "run --methods lnet --points 0.6 --backbone resnet8-w0.25 --epochs 2 --out runs".split()
PHASES = {
    "write_atomically": "writing",
    "time_network": "timing",
    "evaluate": "evaluation",
    "run_epoch": "training",
}
"""The function that a phase is spent in; the innermost one counts, all else is ``other``: planning, locks, reports."""
OTHER = "other"
KINDS = ("SIGKILL", "SIGTERM", "SIGINT", "power cut", "disk full", "closed pipe", "full pipe")
CHAIN, DISK_MB = 6, 8
LOOK_S = {"writing": 0.002}
"""Between looks at what the main thread does, by the phase that is waited for: writing is soon over."""
LOOK_ELSEWHERE_S = 0.01
TIMES = "latency_ms throughput_ips speedup_latency speedup_throughput valid invalid_reasons created_utc".split()


@dataclass
class Tally:
    """What became of the faults; ``harm`` is empty where nothing was lost."""

    injected: Counter = field(default_factory=Counter)
    harm: list[str] = field(default_factory=list)
    redone: int = 0
    runs: int = 0
    folders: int = 0
    skipped: dict[str, str] = field(default_factory=dict)


def phase_of(frame: FrameType | None) -> str:
    """What the main thread is about."""
    while frame is not None:
        if frame.f_code.co_name in PHASES and "/bench/" in frame.f_code.co_filename:
            return PHASES[frame.f_code.co_name]
        frame = frame.f_back
    return OTHER


class Watcher(threading.Thread):
    """Strikes once the process has spent ``after_s`` in ``target``; measures all phases where there is no target."""

    def __init__(self, tell: int, target: str = "", after_s: float = 0.0, strike: Callable[[], None] = lambda: None):
        super().__init__(daemon=True)
        self.tell, self.target, self.after_s, self.strike = tell, target, after_s, strike
        self.spent: Counter = Counter()
        self.main = threading.main_thread().ident

    def run(self) -> None:
        look_s = LOOK_S.get(self.target, LOOK_ELSEWHERE_S)
        last = time.perf_counter()
        while True:
            time.sleep(look_s)
            now = time.perf_counter()
            phase = phase_of(sys._current_frames().get(self.main))
            self.spent[phase] += now - last
            last = now
            if self.target and phase == self.target and self.spent[phase] >= self.after_s:
                os.write(self.tell, phase.encode())
                self.strike()
                return


def quick_times() -> None:
    """Takes times for moments: this is about files, not about times."""
    import bench.measurement.clock
    import bench.measurement.latency
    import bench.runs.phases.times

    class Rival(bench.runs.phases.times.DenseRival):
        def best(self, batches, seconds=0.0):
            return bench.measurement.latency.PACKED

    bench.runs.phases.times.DenseRival = partial(Rival, compile=False)
    bench.runs.phases.times.TIMED_IMAGES = bench.measurement.latency.THROUGHPUT_BATCH
    bench.measurement.clock.WARM_UP_PASSES = 1
    bench.measurement.latency.measure = partial(bench.measurement.clock.measure, min_rounds=2)
    bench.runs.phases.times.time_network = partial(bench.measurement.latency.time_network, seconds=0.05)


def attempt(place: Path, watch: Callable[[int], Watcher]) -> forks.Ended:
    """Runs the command in ``place``, watched."""

    def work(tell: int) -> None:
        os.chdir(place)
        watcher = watch(tell)
        watcher.start()
        try:
            forks.bench(COMMAND)
        finally:
            if not watcher.target:
                os.write(tell, json.dumps(watcher.spent).encode())

    return forks.Fork(work).wait()


def striker(kind: str, out: Path, draw: random.Random) -> Callable[[], None]:
    """What happens to the process at the chosen moment, from within it."""
    if kind in ("SIGTERM", "SIGINT"):
        return lambda: os.kill(os.getpid(), getattr(signal, kind))
    if kind == "disk full":
        spare = draw.choice((0, 4096, 16384))
        return lambda: fill_disk(out, spare)
    if kind == "closed pipe":
        return close_pipe
    if kind == "full pipe":
        return block_pipe
    return lambda: os.kill(os.getpid(), signal.SIGKILL)


def fill_disk(out: Path, spare: int) -> None:
    """Leaves ``spare`` bytes on the file system that ``out`` is on."""
    ballast = os.open(out.parent / "ballast", os.O_CREAT | os.O_WRONLY)
    size = 0
    try:
        while True:
            size += os.write(ballast, bytes(65536))
    except OSError:
        os.ftruncate(ballast, max(0, size - spare))


def close_pipe() -> None:
    """Standard output is a pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)


def block_pipe() -> None:
    """Standard output is a full pipe that nobody reads; after a while somebody presses Ctrl-C."""
    _, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writer, True)
    os.dup2(writer, 1)
    here = threading.main_thread().ident
    while "print" not in _names(sys._current_frames().get(here)):
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGINT)


def _names(frame: FrameType | None) -> set[str]:
    names = set()
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return names


def cut_power(out: Path, draw: random.Random) -> None:
    """Cuts the newest one to three files short, as a power cut would those that had not reached the disk."""
    files = sorted((path for path in out.rglob("*") if path.is_file()), key=lambda path: -path.stat().st_mtime_ns)
    for path in files[: draw.randint(1, 3)]:
        os.truncate(path, draw.choice((0, draw.randrange(path.stat().st_size + 1))))


def results(out: Path) -> dict[str, dict]:
    """By job, all that its record and files say, times aside; ``broken`` names files that are not the recorded ones."""
    from bench.system.files import file_hash

    found = {}
    for path in sorted(out.glob("*/record.json")):
        try:
            record = json.loads(path.read_text())
        except ValueError:
            found[path.parent.name] = {"broken": ["record.json"]}
            continue
        files = record["details"].pop("files")
        broken = [name for name, known in files.items() if file_hash(path.parent / name) != known["sha256"]]
        record["details"].pop("timing", None)
        for name in ("environment", "resources"):
            record["details"].pop(name)
        kept = {name: value for name, value in record.items() if not any(part in name for part in TIMES)}
        found[path.parent.name] = kept | {"files": files, "broken": broken}
    return found


def whole(out: Path) -> dict[str, object]:
    """All that a finished run leaves, times aside."""
    found: dict[str, object] = dict(results(out))
    for path in sorted(out.glob("*/train.csv")):
        found[f"{path.parent.name}/train.csv"] = pd.read_csv(path).drop(columns="seconds").to_csv()
    left = [path.name for path in out.rglob("*") if path.name.endswith((".tmp", ".previous", ".pt"))]
    left += [path.name for path in out.rglob("failure.json")] + [path.name for path in (out / ".locks").iterdir()]
    return found | {"left over": left}


EXPECTED = {
    "SIGKILL": ({-signal.SIGKILL}, ""),
    "power cut": ({-signal.SIGKILL}, ""),
    "SIGTERM": ({143}, "interrupted"),
    "SIGINT": ({130}, "interrupted"),
    "disk full": ({0, 1, 2}, ""),
    "closed pipe": ({2}, "standard output"),
    "full pipe": ({130}, "interrupted"),
}
BEGUN = ("training", "evaluation", "timing")
"""Phases in which a run that is interrupted must say where it continues."""


def harm_of(kind: str, ended: forks.Ended, before: dict[str, dict], after: dict[str, dict]) -> list[str]:
    """What a fault did that it must not do."""
    statuses, says = EXPECTED[kind]
    harm = []
    if ended.hung:
        harm.append("hung")
    elif ended.status not in statuses:
        harm.append(f"exit status {ended.status}")
    if ended.has_traceback:
        harm.append(f"traceback: {ended.error[-1500:]}")
    if says not in ended.error or (ended.status >= 0 and len(ended.error.splitlines()) > 1):
        harm.append(f"says {ended.error!r}")
    if kind in ("SIGTERM", "SIGINT") and ended.note in BEGUN and "same command continues" not in ended.error:
        harm.append(f"does not say where to continue: {ended.error!r}")
    cut_short = {job for job, found in before.items() if found["broken"]}  # by an earlier power cut
    for job, found in after.items():
        if found["broken"] and job not in cut_short:
            harm.append(f"{job} is half-written: {found['broken']}")
    lost = [job for job in before if job not in cut_short and after.get(job) != before[job]]
    return harm + [f"{job} was finished and is not what it was" for job in lost]


def inject(kind: str, place: Path, phases: dict[str, float], draw: random.Random, tally: Tally) -> bool:
    """One attempt with one fault in it; returns whether the fault came before the run was over."""
    out = place / "runs"
    target = draw.choice(list(phases))
    after_s = 0.9 * draw.random() * phases[target]
    before = results(out)
    tally.runs += 1
    ended = attempt(place, lambda tell: Watcher(tell, target, after_s, striker(kind, out, draw)))
    (place / "ballast").unlink(missing_ok=True)
    where = f"{kind} in {target} after {after_s:.3f} s"
    if not ended.note:
        if ended.status != 0:
            tally.harm.append(f"{where}: was not reached, and yet exit status {ended.status}: {ended.error}")
        return False
    tally.injected[ended.note, kind] += 1
    tally.harm += [f"{where}: {text}" for text in harm_of(kind, ended, before, results(out))]
    if kind == "power cut":
        cut_power(out, draw)
        from bench.records import has_whole_record

        tally.redone += sum(not has_whole_record(out / job) for job in before)
    return True


@contextmanager
def small_disk() -> Iterator[Path]:
    """A file system of a few megabytes.

    Raises:
        OSError: it cannot be mounted here.
    """
    with tempfile.TemporaryDirectory() as folder:
        mount = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", folder], capture_output=True, text=True
        )
        if mount.returncode:
            raise OSError(mount.stderr.strip())
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=False)


def chain(kinds: list[str], phases: dict, reference: dict, draw: random.Random, tally: Tally) -> list[str]:
    """Faults of ``kinds`` on one folder, then a run that nothing disturbs; returns the kinds that were left."""
    tally.folders += 1
    left = list(kinds)
    with small_disk() if "disk full" in kinds else tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        while left and inject(left[0], place, phases, draw, tally):
            left.pop(0)
        tally.runs += 1
        ended = attempt(place, Watcher)
        if ended.status or ended.hung:
            tally.harm.append(f"behind {kinds}: exit status {ended.status}, hung {ended.hung}: {ended.error[-1500:]}")
        elif (found := whole(place / "runs")) != reference:
            differ = [name for name in reference | found if reference.get(name) != found.get(name)]
            left_over = found["left over"]
            tally.harm.append(f"behind {kinds}: other results than undisturbed: {differ}; left over: {left_over}")
    return left


def reference_run() -> tuple[dict, dict[str, float]]:
    """What an undisturbed run leaves, and the seconds it spends in each phase."""
    with tempfile.TemporaryDirectory() as folder:
        ended = attempt(Path(folder), Watcher)
        if ended.status:
            raise SystemExit(f"the undisturbed run failed: {ended.error}")
        return whole(Path(folder) / "runs"), json.loads(ended.note)


def run(faults: int, seed: int, say: Callable[[str], None] = lambda line: None) -> Tally:
    """Injects ``faults`` faults, all kinds alike."""
    forks.loaded()
    forks.without_plots()
    quick_times()
    draw, tally = random.Random(seed), Tally()
    reference, phases = reference_run()
    say(f"undisturbed: {', '.join(f'{name} {seconds:.2f} s' for name, seconds in phases.items())}")
    usable = list(KINDS)
    try:
        with small_disk():
            pass
    except OSError as error:
        usable.remove("disk full")
        tally.skipped["disk full"] = str(error)
    wanted = [usable[index % len(usable)] for index in range(faults)]
    draw.shuffle(wanted)
    while wanted:
        wanted = chain(wanted[:CHAIN], phases, reference, draw, tally) + wanted[CHAIN:]
        say(f"{faults - len(wanted)} of {faults} faults, {len(tally.harm)} harms")
        for text in tally.harm:
            say(f"  {text}")
    return tally


def markdown(tally: Tally) -> str:
    """Faults by the phase that they hit and their kind."""
    phases = (*PHASES.values(), OTHER)
    lines = ["| hit in | " + " | ".join(KINDS) + " | all |", "| --- |" + " ---: |" * (len(KINDS) + 1)]
    for phase in phases:
        counts = [tally.injected[phase, kind] for kind in KINDS]
        lines.append(f"| {phase} | " + " | ".join(map(str, (*counts, sum(counts)))) + " |")
    sums = [sum(tally.injected[phase, kind] for phase in phases) for kind in KINDS]
    lines.append("| all | " + " | ".join(map(str, (*sums, sum(sums)))) + " |")
    return "\n".join(lines)


@click.command(help=__doc__.split("\n")[0])
@click.option("--faults", default=100)
@click.option("--seed", default=0)
def main(faults: int, seed: int) -> None:
    begun = time.time()
    tally = run(faults, seed, lambda line: click.echo(line, err=True))
    click.echo(markdown(tally))
    injected = sum(tally.injected.values())
    click.echo(
        f"\n{injected} faults injected in {tally.runs} runs into {tally.folders} folders, {time.time() - begun:.0f} s: "
        f"{injected - len(tally.harm)} survived, {len(tally.harm)} lost; {tally.redone} finished jobs that a power cut "
        "had cut short were noticed and done again"
    )
    for kind, reason in tally.skipped.items():
        click.echo(f"not injected: {kind}, since {reason}")
    for text in tally.harm:
        click.echo(f"LOST {text}")
    sys.exit(bool(tally.harm))


if __name__ == "__main__":
    main()
