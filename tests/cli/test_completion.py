"""Completion in real shells: typed on a terminal where a shell completes only there, asked for where it answers."""

import fcntl
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE_S = 60.0
SOURCE = {
    "bash": 'eval "$(_BENCH_COMPLETE=bash_source bench)"',
    "zsh": 'autoload -Uz compinit; compinit -u; eval "$(_BENCH_COMPLETE=zsh_source bench)"',
    "fish": "_BENCH_COMPLETE=fish_source bench | source",
}
START = {"bash": ("bash", "--norc", "--noprofile", "-i"), "zsh": ("zsh", "-f", "-i")}
TO_BEGIN, TO_END = "\x01", "\x05"
"""Keys that move the cursor (Emacs bindings)."""
COMPLETED = [
    ("bench sta", "bench status"),
    ("bench run --dataset im", "bench run --dataset imagenet"),
    ("bench run --methods skipnet_ff", "bench run --methods skipnet_ff"),
    ("bench run --methods lcnet_m", "bench run --methods lcnet_menu"),
    ("bench run --methods dense,lcnet_m", "bench run --methods dense,lcnet_menu"),
    ("bench run --methods=dense,lcnet_m", "bench run --methods=dense,lcnet_menu"),
    ("bench run --backbone resnet11", "bench run --backbone resnet110"),
    ("bench run --dataset imagenet --backbone wide", "bench run --dataset imagenet --backbone wide_resnet50_2"),
    ("bench run --suite cifar10-resnet11", "bench run --suite cifar10-resnet110"),
    ("bench run --suite my-s", "bench run --suite my-suite.yaml"),
    ("bench verify skipnet channel_", "bench verify skipnet channel_gating"),
    ("bench status my-r", "bench status my-runs"),
    ("bench run --out my-r", "bench run --out my-runs"),
    ("bench report --format md,lat", "bench report --format md,latex"),
    ("bench run --nosuch x ", "bench run --nosuch x"),
    ("bench nosuch x", "bench nosuch x"),
]
"""What is typed, and the line behind a TAB; the third stays, since two names begin so."""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Iterator[Path]:
    """A folder with ``my-runs`` and ``my-suite.yaml`` in it, and ``bench`` on the path."""
    folder = tmp_path_factory.mktemp("completion")
    program = folder / "bin" / "bench"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bench "$@"\n')
    program.chmod(0o755)
    (folder / "here" / "my-runs").mkdir(parents=True)
    (folder / "here" / "my-suite.yaml").touch()
    variables = {"PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": str(folder), "TERM": "dumb"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield folder / "here"


def _require(shell: str) -> None:
    if not shutil.which(shell):
        if os.environ.get("BENCH_REQUIRE_DATA"):
            pytest.fail(f"{shell} is not installed")
        pytest.skip(f"{shell} is not installed")


def _read_until(terminal: int, pattern: str) -> re.Match:
    """Reads what a terminal shows until ``pattern`` stands there."""
    shown, deadline = "", time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
            if found := re.search(pattern, shown):
                return found
    raise AssertionError(f"{pattern} is not in {shown!r}")


@pytest.fixture(scope="module")
def typed_into(place):
    """Types a line and a TAB into a shell on a terminal; returns the line as it then is, and all that was shown."""
    terminals = {}

    def start(shell: str) -> int:
        _require(shell)
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(place)
            os.execvp(START[shell][0], START[shell])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 250, 0, 0))
        os.write(terminal, f"{SOURCE[shell]}; printf '<%s>\\n' ready\n".encode())
        _read_until(terminal, r"\n<ready>")
        return terminal

    def type_(shell: str, line: str) -> tuple[str, str]:
        if shell not in terminals:
            terminals[shell] = start(shell)
        # Keys wait until the shell has completed. The line then becomes the argument of a command that prints it.
        os.write(terminals[shell], f"{line}\t{TO_BEGIN}printf '<%s>\\n' \"{TO_END}\"\n".encode())
        found = _read_until(terminals[shell], r"\n<(.*)>")
        return found[1].rstrip(" /"), found.string

    yield type_
    for terminal in terminals.values():
        os.close(terminal)


@pytest.mark.parametrize("shell", START)
@pytest.mark.parametrize(("typed", "completed"), COMPLETED)
def test_a_line_is_completed_on_a_terminal(typed_into, shell, typed, completed):
    line, shown = typed_into(shell, typed)
    assert line == completed
    assert "bench: " not in shown and "rror" not in shown and "Traceback" not in shown


def test_fish_offers_the_same(place):
    _require("fish")
    asked = "".join(f"complete -C '{typed}'; echo END $status; " for typed, _ in COMPLETED)
    command = ["fish", "--no-config", "-c", f"{SOURCE['fish']}; {asked}"]
    finished = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert finished.stderr == ""
    answers = finished.stdout.split("END 0\n")
    for (typed, completed), answer in zip(COMPLETED, answers, strict=False):
        offered = [line.partition("\t")[0].rstrip("/") for line in answer.splitlines()]
        if typed.rstrip() == completed:
            assert len(offered) != 1, typed
        else:
            assert offered == [completed.split(" ")[-1]], typed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("words", ["bench ", "bench run --nosuch x", "bench nosuch x", "bench run --methods 'x", None])
def test_a_tab_never_ends_in_an_error(shell, words):
    environment = os.environ | {"_BENCH_COMPLETE": f"{shell}_complete"}
    if words is not None:
        environment |= {"COMP_WORDS": words, "COMP_CWORD": "2" if shell != "fish" else words.split(" ")[-1]}
    finished = subprocess.run(
        [sys.executable, "-m", "bench"], env=environment, capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stderr) == (0, "")


def test_an_unknown_shell_is_refused_in_one_line():
    environment = os.environ | {"_BENCH_COMPLETE": "tcsh_source"}
    finished = subprocess.run(
        [sys.executable, "-m", "bench"], env=environment, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2 and finished.stderr.count("\n") == 1
