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
HISTORY = {"CHANGELOG.md"}
"""Names what was there at its time."""


def _documents() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.md", "experiments/*.py"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.split() or [path.relative_to(ROOT) for path in ROOT.rglob("*.md")]
    return [ROOT / name for name in names if str(name) not in HISTORY and (ROOT / name).exists()]


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


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
