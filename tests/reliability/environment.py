"""A spoiled environment: variables, limits, terminals, mounts, streams that were set for something else.

python tests/reliability/environment.py --cases 200

Every case is a real process of the program, in a folder with one finished job, with one to three things spoiled around
it. It ends in success, with what an undisturbed process says and measures, or in one clear line and exit code 2; what
was finished stays, and an undisturbed run then comes to its end.
"""

from __future__ import annotations

import fcntl
import os
import pty
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
import forks
import numpy as np
import pandas as pd
from surroundings import SPOILERS, SUITE, Skipped, Surroundings

PATIENCE_S = 240
"""On a busy machine a case takes half a minute; one that takes longer than this hangs."""
OUT = "runs"
RUN = "run --methods dense --seeds 0,1 --backbone resnet8-w0.25 --epochs 0 --no-timing --out {out}"
COMMANDS = {
    "run": (RUN, "records:"),
    "suite": ("run --suite {place}/suite.yaml --no-timing --out {out}", "records:"),
    "report": ("report {out} --out {place}/report", "table.csv"),
    "status": ("status {out}", "done"),
    "methods": ("list methods", "skipnet"),
    "suites": ("list suites", "quick"),
    "help": ("run --help", "--methods"),
}
"""Arguments, and what an undisturbed process prints, in however narrow a terminal."""
WEIGHTS = {"run": 6, "suite": 2, "report": 3, "status": 1, "methods": 1, "suites": 1, "help": 1}
FOREIGN = re.compile(
    r"libgomp: |OMP: |.*Warning: |  \w|sh: |shell-init: |Invalid -W option|fatal: |trace: |\d+:\d+:|mkdir -p failed|"
    r"Matplotlib created |Missing colon in file |Bad (key|value) |In .*matplotlibrc"
)
"""Lines that others wrote on standard error: Python's warnings, the shell, git, OpenMP, matplotlib."""
CUT = re.compile(r"\d…")
FINE = ("success", "refused")


@dataclass
class Tally:
    """Verdicts by spoiler, what went wrong, and spoilers that cannot be used here, with their reasons."""

    verdicts: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    cases: int = 0


@dataclass(frozen=True)
class Ended:
    """How a process ended; ``out`` and ``error`` are what came through."""

    status: int
    out: str
    error: str
    hung: bool


def start(around: Surroundings, arguments: list[str]) -> Ended:
    """Runs the program in its surroundings."""
    command = [sys.executable, "-m", "bench", *arguments]
    if around.mounts:
        script = f'own=$PATH; PATH={os.environ["PATH"]}; {"; ".join(around.mounts)}; PATH=$own; exec "$@"'
        command = [shutil.which("unshare"), "-m", shutil.which("sh"), "-c", script, "sh", *command]
    environment = os.environ | around.variables
    environment = {name: value for name, value in environment.items() if value is not None}
    streams = [_terminal(around.columns) if around.columns else os.pipe(), os.pipe()]

    def prepare() -> None:
        for spoil in around.before:
            spoil()

    process = subprocess.Popen(
        command, cwd=around.place, env=environment, stdin=subprocess.DEVNULL, stdout=streams[0][1],
        stderr=streams[1][1], preexec_fn=prepare, start_new_session=True,
    )  # fmt: skip
    parts: list[list[bytes]] = [[], []]
    listeners = [threading.Thread(target=_listen, args=stream) for stream in zip(streams, parts)]
    for listener in listeners:
        listener.start()
    hung = False
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        hung = True
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for listener in listeners:
        listener.join()
    return Ended(process.returncode, *(_text(b"".join(part)) for part in parts), hung)


def _terminal(columns: int) -> tuple[int, int]:
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    return reader, writer


def _listen(ends: tuple[int, int], parts: list[bytes]) -> None:
    """Reads until the process, which has the other end too, has gone."""
    reader, writer = ends
    os.close(writer)
    with suppress(OSError):  # what a terminal says whose other end has gone
        while part := os.read(reader, 65536):
            parts.append(part)
    os.close(reader)


def _text(content: bytes) -> str:
    """Whatever encoding it was written in: two bytes for each letter and EBCDIC are told by what they begin with."""
    for encoding in ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8", "cp037"):
        with suppress(UnicodeDecodeError):
            return content.decode(encoding)
    return content.decode("latin-1")


def outcomes(out: Path) -> dict[int, pd.DataFrame]:
    """Tables of images of all finished jobs, by seed."""
    found = {}
    for record in sorted(out.glob("*/record.json")):
        seed = int(re.search(r"-s(\d+)-", record.parent.name)[1])
        found[seed] = pd.read_parquet(record.parent / "samples.parquet")
    return found


def same(mine: pd.DataFrame | None, theirs: pd.DataFrame) -> bool:
    """Whether predictions and costs are the same; confidences may differ in the order of summation (threads)."""
    if mine is None or list(mine) != list(theirs) or len(mine) != len(theirs):
        return False
    exact = [name for name in theirs if name != "confidence"]
    return mine[exact].equals(theirs[exact]) and np.allclose(mine["confidence"], theirs["confidence"], atol=1e-4)


def undisturbed(place: Path) -> forks.Ended:
    """The run, in a fork of this process."""

    def work(_: int) -> None:
        os.chdir(place)
        forks.bench(RUN.format(out=OUT).split())

    return forks.Fork(work).wait(PATIENCE_S)


def verdict_of(name: str, ended: Ended, place: Path, reference: dict[int, pd.DataFrame]) -> tuple[str, str]:
    """What became of a case, and where it is not fine, what was seen."""
    left = outcomes(place / OUT)
    lines = [line for line in ended.error.splitlines() if line.strip() and not FOREIGN.match(line)]
    seen = f"exit status {ended.status}, says {ended.error[-900:]!r}, prints {ended.out[-300:]!r}"
    if ended.hung:
        return "hang", seen
    if not same(left.get(0), reference[0]) or any(not same(left[seed], reference[seed]) for seed in left):
        return "lost", seen
    if ended.status < 0:
        return "crash", seen
    if "Traceback" in ended.error or ended.status not in (0, 2):
        return "traceback", seen
    if ended.status == 2:
        clear = len(lines) <= 1 and all(line.startswith("bench: ") and line.isprintable() for line in lines)
        return ("refused", ended.error) if clear else ("unclear", seen)
    if name in ("run", "suite") and set(left) != set(reference):
        return "lost", f"success, but no record; {seen}"
    if lines:
        return "unclear", seen
    return "success", seen


def is_silent(name: str, ended: Ended, around: Surroundings) -> bool:
    """Whether a success does not say what it should, or cuts a number."""
    if any(getattr(one, "args", None) == (1,) for one in around.before):
        return False  # its output went elsewhere
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", ended.out)
    return COMMANDS[name][1] not in "".join(said.split()) or bool(CUT.search(said))


def case(draw: random.Random, base: Path, reference: dict, only: tuple[str, ...], tally: Tally) -> None:
    """One process in one spoiled environment."""
    name = draw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = Path(folder).resolve()
        shutil.copytree(base, place, dirs_exist_ok=True)
        around = Surroundings(place, draw)
        spoiled = []
        for kind in draw.sample(only, min(len(only), draw.choice((1, 1, 1, 2, 2, 3)))):
            try:
                SPOILERS[kind](around)
                spoiled.append(kind)
            except Skipped as reason:
                tally.skipped[kind] = str(reason)
        if not spoiled:
            return
        out = str(place / OUT) if draw.random() < 0.5 else OUT
        arguments = COMMANDS[name][0].format(out=out, place=place).split()
        ended = start(around, arguments)
        verdict, seen = verdict_of(name, ended, place, reference)
        if verdict == "success" and is_silent(name, ended, around):
            verdict = "silent"
        if verdict == "refused" and (harm := _goes_on(place, reference)):
            verdict, seen = "lost", f"{harm}, behind {seen}"
    tally.cases += 1
    for kind in spoiled:
        tally.verdicts[kind, verdict if verdict in FINE else "wrong"] += 1
    if verdict not in FINE:
        around_it = {name: value for name, value in around.variables.items()}
        tally.wrong.append(f"{verdict}: bench {' '.join(arguments)} with {spoiled} {around_it} {around.mounts}: {seen}")


def _goes_on(place: Path, reference: dict) -> str:
    """What is wrong with an undisturbed run behind a refusal; empty where it comes to its end."""
    ended = undisturbed(place)
    if ended.status or ended.hung:
        return f"an undisturbed run cannot go on: {ended.error[-900:]}"
    found = outcomes(place / OUT)
    if set(found) != set(reference) or not all(same(found[seed], reference[seed]) for seed in reference):
        return "an undisturbed run leaves other results"
    return ""


def prepare(base: Path, complete: Path) -> dict[int, pd.DataFrame]:
    """One finished job in ``base``; returns what the undisturbed run leaves in ``complete``."""
    for place in (base, complete):
        place.mkdir()
        (place / "suite.yaml").write_text(SUITE)
        ended = undisturbed(place)
        if ended.status:
            raise SystemExit(f"the undisturbed run failed: {ended.error}")
    reference = outcomes(complete / OUT)
    shutil.rmtree(next((base / OUT).glob("*-s1-*")))
    return reference


def run(cases: int, seed: int, say: Callable[[str], None], only: tuple[str, ...] = ()) -> Tally:
    """Runs ``cases`` cases; number N is the same whatever their number."""
    forks.imported()
    forks.without_plots()
    tally, only = Tally(), only or tuple(SPOILERS)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        reference = prepare(base, Path(folder) / "complete")
        for number in range(cases):
            before = len(tally.wrong)
            case(random.Random(f"{seed}/{number}"), base, reference, only, tally)
            for text in tally.wrong[before:]:
                say(f"{number}: {text}")
    return tally


def markdown(tally: Tally) -> str:
    """Verdicts by what was spoiled; a case with two things spoiled counts for both."""
    lines = ["| spoiled | cases | success | refused | wrong |", "| --- |" + " ---: |" * 4]
    for kind in SPOILERS:
        counts = [tally.verdicts[kind, verdict] for verdict in (*FINE, "wrong")]
        if sum(counts):
            lines.append(f"| {kind} | " + " | ".join(map(str, (sum(counts), *counts))) + " |")
    return "\n".join(lines)


@click.command(help=__doc__.split("\n")[0])
@click.option("--cases", default=200)
@click.option("--seed", default=0)
@click.option("--only", multiple=True, type=click.Choice(list(SPOILERS)))
def main(cases: int, seed: int, only: tuple[str, ...]) -> None:
    begun = time.time()
    tally = run(cases, seed, lambda line: click.echo(line, err=True), only)
    click.echo(markdown(tally))
    wrong = len(tally.wrong)
    click.echo(f"\n{tally.cases} cases, {wrong} of them not as they should be, {time.time() - begun:.0f} s")
    for kind, reason in tally.skipped.items():
        click.echo(f"not run: {kind}: {reason}")
    for text in tally.wrong:
        click.echo(f"WRONG {text}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
