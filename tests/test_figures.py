"""Figures in documents are filled from files by programs: none is typed, but settings and what a test computes."""

import re
import subprocess
from collections import Counter
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from fill_tables import BLOCK

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "results", "baselines", "bench", "lcnet"]
MADE = {
    "docs/reference.md": "tests/cli/test_reference.py",
    "results/leaderboard.md": "tests/report/test_leaderboard.py",
    "results/report/report.md": "tests/report/test_committed.py",
    "results/report-long/report.md": "tests/report/test_committed.py",
    "results/serving/stress.md": "tests/report/test_stress_results.py",
    "results/stress/stress.md": "tests/report/test_stress_results.py",
}
"""Pages that a program writes as a whole, and the test that makes each anew and compares."""
ASIDE = re.compile(r"```.*?```|`[^`\n]+`|\]\([^)\s]*\)|<!--.*?-->", re.S)
"""What is no prose: code, targets of links, marks. Tables between no marks are typed, as prose is."""
NAMED = re.compile(r"(?:Python|torch|timm|arXiv:?|capability|than) ?\d+(?:\.\d+)+|\d+\.\d+\.\d+")
"""Versions and numbers of papers."""
UNIT = (
    r"%|points?\b|[KMG] ?MACs?\b|[mµun]?s\b|(?:seconds?|minutes?|hours?|h|days?)\b|[KMGT]i?B\b|mJ\b|times\b"
    r"|x\b(?! ?[\d(]| [A-Z]| \w+ per\b)|(?:images|requests) (?:a|per) second|(?:images|requests)/s"
)
FIGURE = re.compile(rf"(?<![\w.,])\d[\d,]*(?:\.\d+)? ?(?:{UNIT})|(?<![\w.,])\d+\.\d\d+(?![\d.])")
"""A number with a unit of what is measured, and any number of two decimals or more."""
POINTS = {
    "results/cifar10-resnet20-cascade-long.csv": "point",
    "results/speed/imagenet-speed.csv": "keep",
    "results/serving/load.csv": "utilisation",
}
"""Columns of what was set, whose values may stand in prose without a unit."""
LEVEL = {"95 %": "bench/statistics.py: level: float = 0.95"}
DECLARED = {
    "README.md": LEVEL,
    "CHANGELOG.md": {"0.03": "bench/records/points.py: POINT_TOLERANCE, RELATIVE_TOLERANCE = 0.03"},
    "baselines/README.md": {
        "0.03": "bench/records/points.py: POINT_TOLERANCE, RELATIVE_TOLERANCE = 0.03",
        "0.0005": "baselines/skipnet.py: ROUTER_LR = 0.0005",
        "0.02": "baselines/channel_gating.py: GATE_LR = 0.02",
        "87 %": "reported: Veit and Belongie, arXiv 1711.11503",
        "98 %": "baselines/convnet_aig.py: 98 % open",
        "90 %": "baselines/bas.py: openness: float = 0.9",
        "30 %": 'tests/experiments/test_fill_tables.py: gates["blockdrop"] == pytest.approx(0.30',
        "11.5 %": "tests/experiments/test_fill_tables.py: pytest.approx(0.115",
    },
    "docs/export.md": {"0.2 %": "bench/zoo/checking.py: ROUNDED_AWAY = 0.002"},
    "docs/first-run.md": LEVEL,
    "docs/imagenet-details.md": {
        "100 %": "bench/data/folders.py: crop = RandomResizedCrop(",
        "10 %": "bench/data/folders.py: VALIDATION_SHARE, LARGEST_VALIDATION = 0.1",
        "1 GiB": "bench/data/files.py: HASHED_BYTES = 2**30",
        "100 times": "bench/data/decoding.py: LARGEST_RATIO = 100",
    },
    "docs/imagenet.md": {
        "145 GB": "reported: image-net.org, archives of ILSVRC 2012",
        "64 MiB": "reported: Docker, --shm-size",
        **dict.fromkeys(
            "1.81,2.3 h,4.2 h,5 days,4.09,5.3 h,9.4 h,11 days,7.80,10 h,18 h,21 days".split(","),
            "tests/test_documents.py: def test_the_hours_of_imagenet_are_what_the_page_computes_them_from",
        ),
    },
    "docs/reliability.md": {"8 MB": "tests/reliability/faults.py: CHAIN, DISK_MB = 6, 8"},
    "docs/serving.md": {"15 %": "bench/report/tables/load.py: CLOSE, BUSY = 0.15"},
    "docs/skipping.md": {
        "2 s": "bench/measurement/clock.py: MIN_ROUNDS, MIN_SECONDS = 7, 2.0",
        "15 %": "bench/measurement/clock.py: MAX_SPREAD, MAX_FOREIGN = 0.15",
        "10 %": "bench/measurement/clock.py: MAX_SPREAD, MAX_FOREIGN = 0.15, 0.10",
    },
    "docs/stress.md": {
        **dict.fromkeys(("0.875", "0.625", "0.375"), "bench/measurement/shifts.py: (0.875, 0.75, 0.625, 0.5, 0.375)")
    },
    "lcnet/README.md": {
        **dict.fromkeys(("11.9x", "3.3 %", "1.4x", "4.6 %"), "reported: arXiv 2007.15151, abstract"),
        "2 x": "lcnet/method.py: price: float = 2.0",
        "0.02": "bench/methods/interface.py: FINE_TUNING_LR, SCRATCH_LR = 0.02",
        "0.003": "lcnet/method.py: router_lr: float = 0.003",
    },
    "results/ablation/README.md": LEVEL,
    "results/cifar10-resnet20/README.md": LEVEL,
    "results/public-start/README.md": {
        "0.05": "asked for",
        "85 %": "asked for",
        "30 %": 'tests/experiments/test_fill_tables.py: gates["blockdrop"] == pytest.approx(0.30',
    },
    "results/serving/README.md": {"15 %": "bench/report/tables/load.py: CLOSE, BUSY = 0.15"},
    "results/speed/README.md": {"0.85": "asked for"},
    "results/why-gates/README.md": LEVEL,
}  # fmt: skip
"""What stands in a page by hand: ``FILE: TEXT``, which the file holds; ``reported: SOURCE``; what was asked for."""


def _pages() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    names = listed or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.md")]
    return [name for name in names if name.split("/")[0] in PAGES and name not in MADE and (ROOT / name).exists()]


def typed(text: str) -> Counter[str]:
    """Figures of a page outside of tables that a program fills, code, versions and points that were set."""
    settings = set_points()
    prose = NAMED.sub("", ASIDE.sub("", BLOCK.sub("", text)))
    return Counter(figure for figure in FIGURE.findall(prose) if figure not in settings)


@cache
def set_points() -> set[str]:
    """Values of what was set, as they are written."""
    columns = [pd.read_csv(ROOT / file)[column].dropna() for file, column in POINTS.items()]
    return {f"{value:g}" for column in columns for value in column}


@pytest.mark.parametrize("page", _pages())
def test_no_figure_is_typed_but_those_that_are_declared(page):
    """Otherwise: fill it by ``experiments/fill_tables.py`` from a file, or leave it out."""
    assert set(typed((ROOT / page).read_text())) == set(DECLARED.get(page, {}))


@pytest.mark.parametrize("page", sorted(DECLARED))
def test_what_is_declared_is_what_its_file_says(page):
    for figure, origin in DECLARED[page].items():
        file, _, text = origin.partition(": ")
        held = file in ("reported", "asked for") or (text and text in (ROOT / file).read_text())
        assert held, f"{figure}: {origin}"


@pytest.mark.parametrize("page", sorted(MADE))
def test_a_page_that_a_program_writes_is_held_by_a_test(page):
    assert Path(page).name in (ROOT / MADE[page]).read_text()


@pytest.mark.parametrize("sentence", [
    "LC-Net has 89.97 % at 0.606.", "It gains 0.9 points.", "A block costs 2.4 M MACs.", "It is 1.8 times as fast.",
    "That is 3.5x faster.", "1.44 x dense", "| lcnet | 0.63 ms |", "In 22 minutes.", "[-0.32, 0.11]", "1,200 images/s",
    "<!-- note --> 12 % <!-- end -->",
])  # fmt: skip
def test_a_typed_figure_is_noticed(sentence):
    assert typed(f"# Page\n\n{sentence}\n")


@pytest.mark.parametrize("sentence", [
    "Python 3.11 or torch 2.14.1", "at 0.41 and 0.58", "`1.5 ms`", "arXiv 2007.15151", "images of 32 x 32", "20 epochs",
    "<!-- csv: FILE.csv; top1 -->\n\n| 89.97 % |\n\n<!-- end -->", "[page](folder/0.25-points.md)",
])  # fmt: skip
def test_settings_versions_code_and_filled_tables_are_no_typed_figures(sentence):
    assert not typed(f"# Page\n\n{sentence}\n")
