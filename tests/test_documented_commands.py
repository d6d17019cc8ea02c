"""Commands in the documents: each runs here at a tiny size, runs in a test that is named, or says what it needs."""

import re
import runpy
import shlex
import shutil
from pathlib import Path

import click
import pytest

from bench.cli import cli
from bench.report import write_report

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "lcnet/README.md", "baselines/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "results").glob("**/README.md")),
]
BLOCK = re.compile(r"```sh\n(.*?)```", re.S)
NEEDS = re.compile(r"\bneeds (?:an? )?(GPU|ImageNet|CIFAR-10|Slurm|internet|containers|hours)\b", re.I)
"""In a comment: of its line, or where a line is nothing else, of the block from there on."""
ELSEWHERE = {
    r"(?:-m |^)(venv|pip install|pytest|ruff|lint-imports|mypy|mkdocs)\b": ".ci/run",
    r"(BENCH_PURE)=1 pip wheel": "tests/test_packaging.py",
    r"(_BENCH_COMPLETE=\w+_source)": "tests/cli/test_completion.py",
    r"(linear_gate)": "tests/baselines/test_plugin.py",
    r"^bench (verify)": "tests/baselines/test_plugin.py",
    r"^bench run --dataset folder .*(--backbone)": "tests/cli/test_own_images.py",
    r"^bench run --dataset (timm) ": "tests/data/test_timm_readers.py",
    r"^bench (import)": "tests/records/test_claims.py",
    r"^bench run (--network)": "tests/runs/test_own.py",
    r"^bench (quantise)": "tests/cli/test_quantise.py",
    r"^bench publish .*(--without-networks)": "tests/zoo/test_publishing.py",
    r"^bench report .*(int8)": "tests/cli/test_quantise.py",
    r"^bench (load)": "tests/cli/test_load_command.py",
    r"^bench stress .*(--epsilon)": "tests/measurement/test_attack.py",
    r"^bench export .*(--int8|--batch|--format)": "tests/cli/test_export.py",
    r"^python experiments/(\w+\.py)": "tests/experiments/test_experiments.py",
    r"^python (?:experiments/)(lite_cascade)": "tests/experiments/test_lite_cascade.py",
    r"^python (?:experiments/)(fill_tables)": "tests/experiments/test_fill_tables.py",
    r"^python (?:experiments/)(roofline)": "tests/experiments/test_roofline.py",
    r"^python (?:experiments/)(ablation)": "tests/experiments/test_ablation.py",
    r"^python tests/reliability/(\w+\.py)": "tests/reliability/test_programs.py",
}
"""What runs in another test or in CI, which names the group."""
SMALL = {
    "--points": "0.5",
    "--seeds": "0",
    "--epochs": "0",
    "--images": "8",
    "--severity": "1",
    "--steps": "1",
    "--restarts": "1",
}
"""In place of the values that a document gives."""
ADDED = {
    "run": ["--no-timing"],
    "tune": ["--no-timing"],
    "curve": ["--points 3"],
    "stress": ["--images 8", "--severity 1", "--steps 1"],
    "export": ["--images 8"],
}
UNTRAINED = ["--epochs 0", "--backbone resnet8-w0.25"]
ONE = ("check", "stress")
"""Commands that get one job, where documents give a folder of runs."""


def commands(document: Path) -> dict[str, str]:
    """Every command of a document's blocks, and what it says that it needs."""
    found = {}
    for block in BLOCK.findall(document.read_text()):
        of_block = ""
        for line in block.replace("\\\n", " ").splitlines():
            command, _, comment = line.partition("#") if line.startswith("#") else line.partition(" #")
            needs = " ".join(NEEDS.findall(comment))
            of_block += needs if not command.strip() else ""
            for part in command.split(" && "):
                words = " ".join(part.replace(".venv/bin/", "").split())
                found |= {words: of_block or needs} if words else {}
    return found


def elsewhere(command: str) -> str | None:
    """The test that runs a command; None if there is none."""
    for pattern, place in ELSEWHERE.items():
        word = re.search(pattern, command)
        if word and word[1] in (ROOT / place).read_text():
            return place
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_and_option_exists(document, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "reliability")
    for line in commands(document):
        program = re.match(r"(?:torchrun .* -m )?bench ([a-z]+)|python (\S+\.py)", line)
        if program:
            command = cli.commands[program[1]].load() if program[1] else runpy.run_path(str(ROOT / program[2]))["main"]
            known = {
                option
                for one in command.get_params(click.Context(command))
                for option in (*one.opts, *one.secondary_opts)
            }
            asked = {word.partition("=")[0] for word in shlex.split(line[program.end() :]) if word.startswith("--")}
            assert asked <= known, line


def test_every_command_runs_here_or_in_another_test_or_says_what_it_needs():
    every = {line: needs for document in DOCUMENTS for line, needs in commands(document).items()}
    unheld = [line for line, needs in every.items() if not (needs or line.startswith("bench ") or elsewhere(line))]
    assert not unheld
    assert len(every) > 60 and sum(map(bool, every.values())) < len(every) / 3


def test_every_command_that_says_nothing_of_its_needs_runs(bench_here, monkeypatch, tmp_path):
    """One after the other, as somebody reads; folders that they name are there. Drawing has tests of its own."""
    monkeypatch.setattr("bench.cli.running.write_report", lambda *arguments, **formats: [])
    monkeypatch.setattr("bench.report.write.draw", lambda *arguments: [])
    (tmp_path / "DIR").mkdir()
    lines = [line for document in DOCUMENTS for line, needs in commands(document).items() if not needs]
    lines = [line for line in dict.fromkeys(lines) if line.startswith("bench ") and not elsewhere(line)]
    for line in lines:
        code, _, error = bench_here(*small(line, tmp_path))
        assert code == 0 or (code, line.split()[1]) == (1, "decide"), f"{line}\n{error}"
    assert len(lines) > 25


def small(line: str, here: Path) -> list[str]:
    """A document's command at a tiny size, with the names of jobs that there are."""
    name, *words = shlex.split(line)[1:]
    for option, value in SMALL.items():
        words = [value if before == option else word for before, word in zip(["", *words], words)]
    added = list(ADDED.get(name, ()))
    if name == "run" and "--members" not in words:
        added += UNTRAINED
    if name == "check" and "--against" in words:
        write_report([job(here, "lcnet")], here, formats=("csv",))[0].rename(here / "agreed.csv")
    if name == "merge":
        for folder, method in (("A", "dense"), ("B", "l1")):
            shutil.copytree(job(here, method), here / folder / method)
    jobs = {"runs/JOB": "l1", "runs/A": "lcnet", "runs/B": "dense"} | ({"runs": "lcnet"} if name in ONE else {})
    named = [",".join(str(job(here, jobs[one])) if one in jobs else one for one in word.split(",")) for word in words]
    return [name, *named, *(word for part in added if part.split()[0] not in words for word in part.split())]


def job(here: Path, method: str) -> Path:
    return next((here / "runs").glob(f"{method}-digits-*"))
