"""What the documents name is there: paths, links and the headings that links lead to."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*-]+")
LINK = re.compile(r"\]\(([^)\s]+)\)")
EXTRAS = re.compile(r"(?:-e|install) +['\"]?\.\[([\w,]+)\]")
ASIDE = re.compile(r"```.*?```|<!-- [a-z]+: .*?<!-- end -->|\]\([^)]*\)|^\|.*?$", re.S | re.M)
"""No prose: code, tables, targets of links."""
MOST_WORDS, MOST_WORDS_TO_START = 600, 500
IMAGES, GPUS, PER_SECOND, RESNET50 = 1_271_167, 8, 1_000, 4.09
"""What the hours of ImageNet are computed from, as the page says; the last in GMACs."""
HISTORY = {"CHANGELOG.md"}
"""Names what was there at its time."""


def _documents() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.md", "experiments/*.py"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split() or [path.relative_to(ROOT) for path in ROOT.rglob("*.md")]
    return [ROOT / name for name in names if str(name) not in HISTORY and (ROOT / name).exists()]


def _anchors(document: Path) -> set[str]:
    text = document.read_text()
    headings, named = re.findall(r"^#+ (.+)$", text, re.MULTILINE), re.findall(r'<a id="([\w-]+)">', text)
    return set(named) | {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", _documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_it_names_exists(document):
    named = {match.rstrip(".").rstrip("/") for match in PATH.findall(document.read_text())}
    # A plot is named without its suffix, where several files are written.
    missing = sorted(name for name in named if not any(ROOT.glob(name)) and not any(ROOT.glob(f"{name}.*")))
    missing = [name for name in missing if not re.search(r"/[A-Z]+$", name)]  # a placeholder: results/NAME
    assert not missing


@pytest.mark.parametrize("document", [one for one in _documents() if one.suffix == ".md"], ids=lambda one: one.name)
def test_every_link_leads_somewhere(document):
    for link in LINK.findall(document.read_text()):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        file = document.parent / target if target else document
        assert file.exists(), link
        assert not anchor or anchor in _anchors(file), link


def test_every_extra_that_is_installed_is_one_of_the_package():
    """`pip` warns of an unknown extra and goes on: the programs of that extra are missing later."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    files = [*_documents(), *ROOT.glob("*.yml"), *ROOT.glob(".github/**/*.yml"), ROOT / ".ci" / "run"]
    named = {extra for file in files for group in EXTRAS.findall(file.read_text()) for extra in group.split(",")}
    assert {"dev", "docs"} <= named
    assert named <= set(settings["options.extras_require"])


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda one: one.name)
def test_a_page_of_the_manual_is_short(page):
    start = (ROOT / "mkdocs.yml").read_text().partition("- Start:")[2].partition("- How it works:")[0]
    most = MOST_WORDS_TO_START if f"- {page.name}\n" in start else MOST_WORDS
    assert _words(page) <= most


def test_the_readme_is_short_with_the_tables_that_it_has_by_hand():
    table = re.compile(r"<!-- [a-z]+: .*?<!-- end -->|\]\([^)]*\)|```.*?```", re.S)
    assert sum(bool(re.search(r"\w", word)) for word in table.sub("", (ROOT / "README.md").read_text()).split()) <= 600


def _words(page: Path) -> int:
    return sum(bool(re.search(r"\w", word)) for word in ASIDE.sub("", page.read_text()).split())


def test_the_hours_of_imagenet_are_what_the_page_computes_them_from():
    """A training step with a teacher counts 4/3; one of BlockDrop, at three points as the others, 5/3."""
    rows = re.findall(
        r"\| resnet\d+ \| ([\d.]+) \| ([\d.]+) h \| ([\d.]+) h \| (\d+) days",
        (ROOT / "docs" / "imagenet.md").read_text(),
    )
    assert len(rows) == 3
    for macs, backbone, method, all_days in (map(float, row) for row in rows):
        epoch = IMAGES * macs / RESNET50 / (GPUS * PER_SECOND) / 3600
        assert backbone == pytest.approx(120 * epoch, rel=0.02) and method == pytest.approx(
            160 * epoch * 4 / 3, rel=0.05
        )
        assert all_days == pytest.approx(160 * epoch * (24 * 4 / 3 + 3 * 5 / 3) / 24, abs=0.7)
