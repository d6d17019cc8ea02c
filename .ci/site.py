"""Brings pages that lie elsewhere in the repository onto the documentation site, and turns links to them."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from bench.cli import cli
from bench.cli.deferred import Deferred

ROOT = Path(__file__).parents[1]
PAGES = (
    "CONTRIBUTING.md",
    "results/HISTORY.md",
    "results/**/README.md",
    "results/leaderboard.md",
    "results/report*/*.*g",
    "results/report*/report.md",
    "results/speed/*.csv",
    "results/stress/stress.md",
    "results/serving/stress.md",
    "lcnet/README.md",
    "baselines/README.md",
    "bench/execution/native/README.md",
)


def on_startup(command: str, dirty: bool) -> None:
    """Loads the commands, which are otherwise loaded when they are called: the page of commands shows their options."""
    for name, stand_in in cli.commands.items():
        if isinstance(stand_in, Deferred):
            cli.commands[name] = stand_in.load()


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what ``PAGES`` names, each under its path in the repository."""
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """On the site the manual's pages lie at the top, and not in ``docs/``."""
    if page.file.generated_by is None:
        return markdown.replace("](../", "](")
    up = "../" * page.file.src_uri.count("/")
    return markdown.replace(f"]({up}docs/", f"]({up}")
