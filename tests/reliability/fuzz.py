"""Spoiled, hostile and nonsensical input: every case ends in success or in one clear line and exit code 2.

python tests/reliability/fuzz.py --cases 20000

Cases run the program's own commands in forks of this process, each with limits on time and memory. What would train for
long stops where the jobs would begin (`run`, `verify`); nothing is drawn. While a case runs, an audit hook notes every
file that is opened for writing elsewhere than below the case's own folder, every program started, every connection, and
every name that a pickle resolves.
"""

from __future__ import annotations

import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click
import forks
from targets import TARGETS, Accepted, prepare

CASE_S, MEMORY_BYTES, BATCH = 20, 2 << 30, 100
LONGEST = 1000
"""Characters that still count as one clear line."""
DONE, REFUSED, DIFFERS = "success", "refused", "check failed"
FINE = (DONE, REFUSED, DIFFERS)
BAD = ("traceback", "unclear", "hang", "crash", "memory", "escaped")
"""``unclear``: not one printable line. ``crash``: the process died. ``escaped``: wrote elsewhere or ran something."""


class Hang(BaseException):
    """A case took longer than ``CASE_S``."""


@dataclass
class Tally:
    """Verdicts by target, what went wrong, and the most memory that any case added (bytes)."""

    verdicts: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    added_bytes: int = 0


class Guard:
    """What a case did that it must not do; an audit hook cannot be taken off, so there is one per process."""

    def __init__(self) -> None:
        self.folder, self.seen = "", []
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple) -> None:
        if not self.folder:
            return
        if event in (
            "subprocess.Popen",
            "os.system",
            "os.exec",
            "os.posix_spawn",
            "socket.connect",
            "pickle.find_class",
        ):
            self.seen.append(f"{event} {arguments[:2]}")
        elif (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        ) or event in ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.symlink", "shutil.rmtree"):
            self.wrote(arguments[0])
        elif event in ("os.rename", "os.link"):
            self.wrote(arguments[1])

    def wrote(self, path: object) -> None:
        if isinstance(path, (str, bytes, os.PathLike)):
            place = os.path.abspath(os.fsdecode(path))
            if place != os.devnull and not place.startswith(self.folder):
                self.seen.append(f"wrote {place}")


def judge(arguments: list[str], folder: Path, guard: Guard) -> tuple[str, str]:
    """Runs ``bench`` with ``arguments`` in ``folder``; the verdict, and what was said."""
    from bench.cli import main

    os.chdir(folder)
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)
    error = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)
    status: object = None
    signal.setitimer(signal.ITIMER_REAL, CASE_S)
    guard.folder, guard.seen = str(folder), []
    try:
        with redirect_stdout(out), redirect_stderr(error):
            main(arguments)
    except Accepted:
        status = 0
    except SystemExit as left:
        status = left.code
    except Hang:
        return "hang", ""
    except BaseException as broken:
        trace = broken.__traceback__
        while trace.tb_next is not None:
            trace = trace.tb_next
        return (
            "traceback",
            f"{type(broken).__name__}: {broken} at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}",
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        guard.folder = ""
    said = error.buffer.getvalue().decode()
    if guard.seen:
        return "escaped", "; ".join(guard.seen[:3])
    if "out of memory" in said:
        return "memory", said
    lines = said.splitlines()
    if status == 0 and not lines:
        return DONE, ""
    is_clear = len(lines) == 1 and lines[0].isprintable() and len(said) <= LONGEST
    if status in (1, 2) and is_clear and lines[0].startswith("bench: "):
        return (REFUSED if status == 2 else DIFFERS), said
    return "unclear", f"exit status {status}, says {said[:1500]!r}"


def run_batch(tell: int, target: str, first: int, count: int, seed: int, base: Path) -> None:
    """Tells for each case, as a line of JSON, what became of it; one with a number only says that it begins."""

    def hang(number: int, frame: object) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, hang)
    own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (own + MEMORY_BYTES,) * 2)
    guard = Guard()
    for index in range(first, first + count):
        os.write(tell, f"{index}\n".encode())
        folder = Path(tempfile.mkdtemp(prefix="case-"))
        draw = random.Random(f"{seed}/{target}/{index}")
        try:
            arguments = TARGETS[target].case(draw, folder, base)
            verdict, said = judge(arguments, folder, guard)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            row = [target, index, verdict, f"bench {' '.join(map(ascii, arguments))}: {said}"[:2500], peak]
            os.write(tell, (json.dumps(row) + "\n").encode())
        finally:
            os.chdir("/")
            shutil.rmtree(folder, ignore_errors=True)


def batch(target: str, first: int, count: int, seed: int, base: Path, tally: Tally) -> None:
    """Runs cases in forks; a fork that dies or hangs takes one case with it."""
    end = first + count
    while first < end:
        begin = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
        work = partial(run_batch, target=target, first=first, count=end - first, seed=seed, base=base)
        ended = forks.Fork(work).wait(timeout_s=CASE_S * 3 + count * 2)
        last = None
        for line in ended.note.splitlines():
            found = json.loads(line)
            if isinstance(found, int):
                last = found
                continue
            _, index, verdict, said, peak = found
            last = None
            tally.verdicts[target, verdict] += 1
            tally.added_bytes = max(tally.added_bytes, peak - begin)
            first = index + 1
            if verdict in BAD:
                tally.wrong.append(f"{target}/{index} {verdict}: {said}")
        if ended.status == 0:
            return
        verdict = "hang" if ended.hung else "crash"
        tally.verdicts[target, verdict] += 1
        tally.wrong.append(f"{target}/{last} {verdict}: exit status {ended.status}: {ended.error[-1500:]}")
        if last is None:
            return
        first = last + 1


def run(cases: int, seed: int, say: Callable[[str], None] = lambda line: None, only: tuple[str, ...] = ()) -> Tally:
    """Runs ``cases`` cases, shared among the targets by their weights."""
    sys.dont_write_bytecode = True
    forks.loaded()
    forks.without_plots()
    tally = Tally()
    chosen = {name: target for name, target in TARGETS.items() if not only or name in only}
    weights = sum(target.weight for target in chosen.values())
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for name, target in chosen.items():
            begun, wanted = time.time(), max(1, round(cases * target.weight / weights))
            for first in range(0, wanted, BATCH):
                batch(name, first, min(BATCH, wanted - first), seed, Path(folder), tally)
            counts = {
                verdict: tally.verdicts[name, verdict] for verdict in (*FINE, *BAD) if tally.verdicts[name, verdict]
            }
            say(f"{name}: {counts} in {time.time() - begun:.0f} s")
    return tally


def markdown(tally: Tally) -> str:
    """Verdicts by target."""
    columns = (*FINE, *BAD)
    lines = ["| input | cases | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * (len(columns) + 1)]
    names = [name for name in TARGETS if any(tally.verdicts[name, verdict] for verdict in columns)]
    for name in names:
        counts = [tally.verdicts[name, verdict] for verdict in columns]
        lines.append(f"| {TARGETS[name].what} | " + " | ".join(f"{count:,}" for count in (sum(counts), *counts)) + " |")
    sums = [sum(tally.verdicts[name, verdict] for name in names) for verdict in columns]
    lines.append("| all | " + " | ".join(f"{count:,}" for count in (sum(sums), *sums)) + " |")
    return "\n".join(lines)


@click.command(help=__doc__.split("\n")[0])
@click.option("--cases", default=20_000)
@click.option("--seed", default=0)
@click.option("--only", multiple=True, type=click.Choice(list(TARGETS)))
def main(cases: int, seed: int, only: tuple[str, ...]) -> None:
    begun = time.time()
    tally = run(cases, seed, lambda line: click.echo(line, err=True), only)
    click.echo(markdown(tally))
    click.echo(
        f"\n{sum(tally.verdicts.values()):,} cases, {len(tally.wrong)} of them not as they should be, "
        f"{time.time() - begun:.0f} s; no fork of {BATCH} cases grew by more than {tally.added_bytes / 2**20:,.0f} MiB"
    )
    with suppress(BrokenPipeError):
        for text in tally.wrong:
            click.echo(f"WRONG {text}")
    sys.exit(bool(tally.wrong))


if __name__ == "__main__":
    main()
