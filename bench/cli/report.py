"""``bench report``: tables, plots and a page from records."""

from __future__ import annotations

from pathlib import Path

import click

from bench.errors import BadInput
from bench.report import FORMATS, write_report
from bench.report.tables.trades import CHALLENGER
from bench.report.units import UNITS


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[RUNS_DIR]...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("report"), show_default=True, help="Where to.")
@click.option("--format", "formats", default=",".join(FORMATS), show_default=True, help="Formats, comma separated.")
@click.option("--convention", type=click.Choice(list(UNITS)), default="macs", show_default=True, help="Counted in.")
@click.option("--challenger", default=CHALLENGER, show_default=True, help="The method held against every other.")
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="BENCH_DATA", help="For the gallery's images.")
@click.option("--open", "open_", is_flag=True, help="Show the page in the browser.")
def report(
    folders: tuple[Path, ...],
    out: Path,
    formats: str,
    convention: str,
    challenger: str,
    data_dir: Path | None,
    open_: bool,
) -> None:
    """Make tables, plots and a page of all records below RUNS_DIR (default: runs)."""
    chosen = [name.strip() for name in formats.split(",") if name.strip()]
    if unknown := [name for name in chosen if name not in FORMATS]:
        raise BadInput(f"unknown format {unknown[0]!r}: choose from {', '.join(FORMATS)}")
    if open_ and "html" not in chosen:
        raise BadInput("--open shows the page: add html to --format")
    for path in write_report(folders or (Path("runs"),), out, chosen, convention, data_dir, challenger):
        click.echo(path)
    if open_:
        click.launch(str(out / "index.html"))
