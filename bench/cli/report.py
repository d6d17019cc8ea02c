"""``bench report``: tables, plots and a page from records."""

from __future__ import annotations

from pathlib import Path

import click

from bench.choices import CHALLENGER, CONVENTIONS, FORMATS
from bench.cli.values import FOLDER, CommaSeparated
from bench.errors import BadInput

FORMAT_LIST = CommaSeparated(str, lambda context: FORMATS)
NAMED = 5
"""Unfinished jobs, at most."""


@click.command()
@click.argument("folders", nargs=-1, type=FOLDER, metavar="[RUNS_DIR]...")
@click.option("--out", type=FOLDER, default=Path("report"), show_default=True, help="Where to.")
@click.option(
    "--format", "formats", type=FORMAT_LIST, default=",".join(FORMATS), show_default=True,
    help="Formats, comma separated.",
)  # fmt: skip
@click.option("--convention", type=click.Choice(CONVENTIONS), default="macs", show_default=True, help="Counted in.")
@click.option("--challenger", default=CHALLENGER, show_default=True, help="The method held against every other.")
@click.option("--data-dir", type=FOLDER, envvar="BENCH_DATA", help="For the gallery's images.")
@click.option("--open", "open_", is_flag=True, help="Show the page in the browser.")
def report(
    folders: tuple[Path, ...],
    out: Path,
    formats: tuple[str, ...],
    convention: str,
    challenger: str,
    data_dir: Path | None,
    open_: bool,
) -> None:
    """Make tables, plots and a page of all records below RUNS_DIR (default: runs)."""
    from bench.records.unfinished import unfinished_jobs
    from bench.report import write_report

    if unknown := [name for name in formats if name not in FORMATS]:
        raise BadInput(f"unknown format {unknown[0]!r}: choose from {', '.join(FORMATS)}")
    if open_ and "html" not in formats:
        raise BadInput("--open shows the page: add html to --format")
    folders = folders or (Path("runs"),)
    for path in write_report(folders, out, formats, convention, data_dir, challenger):
        click.echo(path)
    if missing := unfinished_jobs(folders):
        names = ", ".join(job.name for job in missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
        click.echo(f"not in the report, having no record (see `bench status`): {len(missing)} jobs, {names}", err=True)
    if open_:
        click.launch(str(out / "index.html"))
