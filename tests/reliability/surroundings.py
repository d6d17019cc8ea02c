"""What a process finds around it, and how each part of that can be spoiled: one small function for each."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

SUITE = "methods: [dense]\nseeds: [0, 1]\nbackbone: resnet8-w0.25\nepochs: 0\n"
GARBAGE = ("", " ", "abc", "-3", "0", "9" * 30, "1,2", "/nowhere", "\udcff")


class Skipped(Exception):
    """This spoiler cannot be used on this machine."""


@dataclass
class Surroundings:
    """Of one process of the program.

    Attributes:
        place: the folder it starts in; its results are in ``runs`` below.
        variables: of the environment, beside those of this process; None: not set.
        before: called in the new process before the program starts.
        mounts: shell commands, run first where only this process sees what they mount.
        columns: of the terminal that standard output is; 0: it is a pipe.
    """

    place: Path
    draw: random.Random
    variables: dict[str, str | None] = field(default_factory=dict)
    before: list[Callable[[], object]] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)
    columns: int = 0


Spoiler = Callable[[Surroundings], None]


def variables(around: Surroundings, choices: Sequence[Mapping[str, str | None]]) -> None:
    """Sets what one of ``choices`` says."""
    around.variables |= around.draw.choice(choices)


def one_of(around: Surroundings, names: str, values: Sequence[str] = GARBAGE) -> None:
    """Sets one to three of the variables ``names``."""
    known = names.split()
    for name in around.draw.sample(known, around.draw.randint(1, min(3, len(known)))):
        around.variables[name] = around.draw.choice(values)


def no_folder(around: Surroundings, names: str) -> None:
    """Variables that should name folders name none, a file, or one that cannot be written."""
    file, sealed = around.place / "a file", around.place / "sealed"
    file.touch()
    sealed.mkdir(exist_ok=True)
    values = ["/nowhere", str(file), "/proc", "relative", str(sealed)]
    if can_mount():
        around.mounts += [f"mount --bind '{sealed}' '{sealed}'", f"mount -o remount,ro,bind '{sealed}'"]
    for name in around.draw.sample(names.split(), 1):
        around.variables[name] = around.draw.choice([*values, None])


def matplotlibrc(around: Surroundings) -> None:
    """The settings of somebody else's plots lie in the current folder."""
    lines = (
        "backend: nosuch", "text.usetex: True", "savefig.format: xyz", "font.family: Nowhere Sans", "%&/()=", "\0\0",
        "figure.figsize: 0, 0", "axes.prop_cycle: nonsense", "savefig.bbox: tight\nfigure.dpi: 4000",
    )  # fmt: skip
    (around.place / "matplotlibrc").write_text("\n".join(around.draw.sample(lines, 3)) + "\n")


def line_ends(around: Surroundings) -> None:
    """The suite file was written elsewhere."""
    mark, ends = around.draw.choice((b"", b"\xef\xbb\xbf")), around.draw.choice((b"\r\n", b"\n", b"\r\n\r\n"))
    (around.place / "suite.yaml").write_bytes(mark + SUITE.encode().replace(b"\n", ends))


def neighbours(around: Surroundings) -> None:
    """Folders that are called as packages are lie in the current one."""
    folder = around.place / around.draw.choice(("baselines", "lcnet", "results", "benchmarks", "docs"))
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").touch()


def from_the_future(around: Surroundings) -> None:
    """A clock that was wrong left files of the year 2060, or of 1970."""
    when = around.draw.choice((0, 2_840_000_000))
    for path in (around.place / "runs").rglob("*"):
        os.utime(path, (when, when))


def another_clock(around: Surroundings) -> None:
    """The wall clock is years off."""
    if shutil.which("faketime") is None:
        raise Skipped("libfaketime is not installed")
    library = next(Path("/usr/lib").rglob("libfaketime.so.1"), None)
    if library is None:
        raise Skipped("libfaketime.so.1 was not found")
    around.variables |= {"LD_PRELOAD": str(library), "FAKETIME": around.draw.choice(("-20y", "+20y"))}


def limit(around: Surroundings, kind: int, values: Sequence[int]) -> None:
    """The process may have no more than one of ``values`` of something."""
    value = around.draw.choice(values)
    around.before.append(lambda: resource.setrlimit(kind, (value, value)))


def few_processes(around: Surroundings) -> None:
    """No further process or thread may be started."""
    if os.geteuid() == 0:
        raise Skipped("this limit does not hold for root")
    limit(around, resource.RLIMIT_NPROC, (1, 2, 5))


def closed(around: Surroundings) -> None:
    """Standard streams that are closed, full or read-only."""
    for number in around.draw.sample((0, 1, 2), around.draw.choice((1, 1, 2, 3))):
        around.before.append(partial(around.draw.choice((os.close, full, read_only)), number))


def full(number: int) -> None:
    """Replaces a stream by a device that is always full."""
    os.dup2(os.open("/dev/full", os.O_RDWR), number)


def read_only(number: int) -> None:
    """Replaces a stream by one that cannot be written."""
    os.dup2(os.open("/dev/null", os.O_RDONLY), number)


def terminal(around: Surroundings) -> None:
    """Standard output is a narrow terminal."""
    around.columns = around.draw.choice((1, 20, 30, 40))
    around.variables |= {"TERM": around.draw.choice(("xterm-256color", "dumb", "", "nosuch", "vt100"))}


def signals(around: Surroundings) -> None:
    """Signals that the parent ignored or blocked stay so."""
    some = (signal.SIGCHLD, signal.SIGPIPE, signal.SIGHUP, signal.SIGTERM, signal.SIGXFSZ)
    chosen = around.draw.choice(some)
    if around.draw.random() < 0.5:
        around.before.append(lambda: signal.signal(chosen, signal.SIG_IGN))
    else:
        around.before.append(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [chosen]))


def no_folder_here(around: Surroundings) -> None:
    """The current folder was removed."""

    def move() -> None:
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")

    around.before.append(move)


def mask(around: Surroundings) -> None:
    """New files get no rights."""
    value = around.draw.choice((0o777, 0o222, 0o077))
    around.before.append(lambda: os.umask(value))


@cache
def can_mount() -> bool:
    """Whether a process may have mounts of its own here."""
    try:
        tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/dev/shm"], capture_output=True)
    except OSError:
        return False
    return tried.returncode == 0


def mount(around: Surroundings) -> None:
    """Small, read-only or missing file systems."""
    if not can_mount():
        raise Skipped("nothing can be mounted here")
    runs = around.place / "runs"
    around.mounts += around.draw.choice(
        (
            ["mount -t tmpfs -o size=64k none /dev/shm"],
            ["mount -t tmpfs -o ro none /dev/shm"],
            [f"mount --bind '{runs}' '{runs}'", f"mount -o remount,ro,bind '{runs}'"],
            ["mount -t tmpfs -o ro none /tmp"] if not runs.is_relative_to("/tmp") else ["mount -t tmpfs none /var/tmp"],
            ["mount -t tmpfs none /sys"],
            ["mount -t tmpfs -o size=64k none /var/tmp"],
        )
    )


PLATFORM = (
    {"WORLD_SIZE": "2", "RANK": "0"}, {"WORLD_SIZE": "2"}, {"WORLD_SIZE": ""}, {"WORLD_SIZE": "abc"}, {"RANK": "1"},
    {"WORLD_SIZE": "-1", "RANK": "-1"}, {"LOCAL_RANK": "x"}, {"LOCAL_WORLD_SIZE": "x"}, {"SLURM_JOB_ID": "x"},
    {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "29511"},
    {"MASTER_ADDR": "nowhere.invalid", "MASTER_PORT": "x", "WORLD_SIZE": "1", "RANK": "0"},
)  # fmt: skip
LOCALES = (
    {"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LC_ALL": "xx_XX.UTF-8"}, {"LANG": "tr_TR.UTF-8", "LC_ALL": None},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1:strict"}, {"PYTHONIOENCODING": "utf-16"}, {"PYTHONIOENCODING": "cp037"},
)  # fmt: skip
PLOTS = ({"MPLBACKEND": "module://matplotlib_inline.backend_inline"}, {"MPLBACKEND": "nosuch"}, {"MPLBACKEND": "TkAgg"})
REPOSITORIES = ({"GIT_DIR": "/nowhere"}, {"GIT_WORK_TREE": "/nowhere"}, {"GIT_DIR": "/", "GIT_TRACE": "1"})
WARNINGS = tuple({"PYTHONWARNINGS": value} for value in ("ignore", "default", "error", "always", "error::UserWarning"))

SPOILERS: dict[str, Spoiler] = {
    "variables of platforms (WORLD_SIZE ...)": partial(variables, choices=PLATFORM),
    "numbers of threads": partial(one_of, names="OMP_NUM_THREADS MKL_NUM_THREADS OPENBLAS_NUM_THREADS OMP_SCHEDULE"),
    "MPLBACKEND": partial(variables, choices=PLOTS),
    "MPLCONFIGDIR": partial(no_folder, names="MPLCONFIGDIR"),
    "matplotlibrc": matplotlibrc,
    "COLUMNS and LINES": partial(one_of, names="COLUMNS LINES"),
    "TERM": partial(one_of, names="TERM COLORTERM"),
    "colours": partial(one_of, names="NO_COLOR FORCE_COLOR CLICOLOR_FORCE PY_COLORS TTY_COMPATIBLE TTY_INTERACTIVE"),
    "PYTHONHASHSEED": partial(one_of, names="PYTHONHASHSEED", values=("0", "1", "4294967295", "random")),
    "locale and encoding": partial(variables, choices=LOCALES),
    "PYTHONWARNINGS": partial(variables, choices=WARNINGS),
    "GIT_DIR": partial(variables, choices=REPOSITORIES),
    "TMPDIR": partial(no_folder, names="TMPDIR"),
    "HOME": partial(no_folder, names="HOME XDG_CACHE_HOME XDG_CONFIG_HOME TORCHINDUCTOR_CACHE_DIR TORCH_HOME"),
    "PATH": partial(one_of, names="PATH", values=("", "/nowhere", ".")),
    "BENCH_DATA": partial(one_of, names="BENCH_DATA"),
    "devices": partial(one_of, names="CUDA_VISIBLE_DEVICES NVIDIA_VISIBLE_DEVICES PYTORCH_ENABLE_MPS_FALLBACK"),
    "line ends": line_ends,
    "neighbours": neighbours,
    "files of another time": from_the_future,
    "clock": another_clock,
    "open files": partial(limit, kind=resource.RLIMIT_NOFILE, values=(8, 16, 24, 40)),
    "size of files": partial(limit, kind=resource.RLIMIT_FSIZE, values=(0, 1000, 20_000, 200_000)),
    "processes": few_processes,
    "address space": partial(limit, kind=resource.RLIMIT_AS, values=tuple(2**20 * n for n in (300, 1000, 2000, 6000))),
    "standard streams": closed,
    "narrow terminal": terminal,
    "signals": signals,
    "current folder removed": no_folder_here,
    "umask": mask,
    "mounts": mount,
}
