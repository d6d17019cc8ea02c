"""How the program starts: each command loads what it needs when it is called, whatever the environment holds."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from bench.choices import method_names
from bench.cli import COMMANDS, cli

SHIPPED = Path(__file__).resolve().parents[2] / "results" / "cifar10-resnet20-long"
WITHOUT_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "timm"):
            raise ImportError(f"{name} is not to be loaded here")

sys.meta_path.insert(0, Refuse())
from bench.__main__ import main
main()
"""
FASTER = 10
"""Times that ``--version`` must be faster than loading torch."""


@pytest.fixture
def without_torch(tmp_path):
    """Runs ``bench`` where importing torch raises; returns the finished process."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)]
        return subprocess.run(
            command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True, check=False
        )

    return run


def _some_jobs(folder: Path) -> Path:
    """A folder with three of the shipped jobs in it."""
    for pattern in ("dense-*", "lcnet-*"):
        for job in SHIPPED.glob(pattern):
            shutil.copytree(job, folder / job.name)
    return folder


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("--version", "version"),
        ("--help", "Trains and measures"),
        ("list suites", "quick"),
        ("list datasets", "imagenet"),
        ("list backbones", "resnext50_32x4d (imagenet)"),
        ("list methods --names", "lcnet"),
        *((f"{name} --help", "Usage") for name in COMMANDS),
    ],
)
def test_what_computes_nothing_loads_no_torch(without_torch, arguments, word):
    finished = without_torch(*arguments.split())
    assert (finished.returncode, finished.stderr) == (0, "") and word in finished.stdout


def test_records_are_handled_without_torch(without_torch, tmp_path):
    runs = _some_jobs(tmp_path / "runs")
    one, other, _ = sorted(runs.iterdir())
    for arguments, word in (
        (("status", runs), "3 done"),
        (("merge", runs, "--out", "all"), "3 copied"),
        (("cancel", runs), "nothing is planned"),
        (("report", runs, "--format", "md,csv,html"), "index.html"),
        (("compare", one, other), "top-1"),
        (("decide", runs, "--min-top1", "1"), "ship"),
    ):
        finished = without_torch(*arguments)
        assert (finished.returncode, finished.stderr) == (0, ""), arguments
        assert word in finished.stdout
    # The gallery's images alone need torch, and the page says so.
    assert "could not be read: torch is not to be loaded here" in (tmp_path / "report" / "index.html").read_text()


def test_the_version_is_told_in_a_tenth_of_the_time_that_torch_takes_to_load():
    """The least of several runs: what else the machine does takes nothing from that."""

    def seconds(command: list[str], times: int) -> float:
        found = []
        for _ in range(times):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            found.append(time.perf_counter() - start)
        return min(found)

    version = seconds([sys.executable, "-m", "bench", "--version"], 5)
    assert version < seconds([sys.executable, "-c", "import torch"], 2) / FASTER


def test_every_command_is_there_and_has_its_line_in_the_help():
    with click.Context(cli) as context:
        listed = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
        assert set(COMMANDS) <= set(listed)
        for name in COMMANDS:
            _, command, _ = cli.resolve_command(context, [name])
            assert command.name == name and command.callback is not None
            assert listed[name].get_short_help_str(100) == COMMANDS[name]


def test_names_are_those_of_the_registry():
    from bench.methods import load_method

    assert "lcnet" in method_names() and all(load_method(name).info for name in method_names())


@pytest.mark.parametrize("arguments", ["--help", "run --help", "list suites"])
def test_a_notebooks_plotting_backend_does_not_reach_the_command_line(without_torch, arguments):
    """Jupyter sets it for every ``!bench``, where it cannot be imported."""
    finished = without_torch(*arguments.split(), MPLBACKEND="module://nowhere.to.be.found")
    assert (finished.returncode, finished.stderr) == (0, "")


CLOSED = "bench: cannot write to standard output: Bad file descriptor\n"


@pytest.mark.parametrize(
    ("redirection", "expected"),
    [(">&-", (2, "", CLOSED)), (">&- 2>&-", (2, "", "")), ("<&-", (0, "quick\n", "")), ("2>&-", (0, "quick\n", ""))],
)
def test_closed_streams_are_told_in_one_line(redirection, expected):
    command = f"{sys.executable} -m bench list suites {redirection}"
    finished = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stdout[-len("quick\n") :], finished.stderr) == expected


def test_a_file_does_not_take_the_place_of_a_closed_stream(tmp_path):
    """What is printed behind it would be written into a record."""
    _some_jobs(tmp_path / "runs")
    command = f"{sys.executable} -m bench merge runs --out all >&-"
    finished = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (finished.returncode, finished.stderr) == (2, CLOSED)
    copied = [path for path in (tmp_path / "all").rglob("*") if path.is_file()]
    assert copied and all(
        path.read_bytes() == (tmp_path / "runs" / path.relative_to(tmp_path / "all")).read_bytes() for path in copied
    )


@pytest.mark.parametrize("width", ["0", "", "00"])
def test_a_width_of_0_is_unknown_and_not_no_room(without_torch, tmp_path, width):
    _some_jobs(tmp_path / "runs")
    finished = without_torch("status", "runs", COLUMNS=width, LINES=width)
    assert (finished.returncode, finished.stderr) == (0, "") and "3 done" in finished.stdout
