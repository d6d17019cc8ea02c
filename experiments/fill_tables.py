"""Tables of measured numbers in documents, filled from committed tables of records.

python experiments/fill_tables.py README.md results/README.md results/*/README.md

A document holds a marker and ``<!-- end -->``; what stands between them is replaced. With ``--check`` nothing is
written, and the exit code says whether all documents are up to date. Files and folders are below ``results/``. Markers:

- ``<!-- table: FILE.csv ...; METHOD[ POINT], ... -->``: one line for each method and point, means over seeds
- ``<!-- report: TABLE FOLDER ...; HEADING, ... -->``: a table of ``bench report``; ``answer`` is its words
- ``<!-- csv: FILE.csv; COLUMN as HEADING, ... -->``: columns of any table
- ``<!-- headroom: TABLE FOLDER; HEADING, ... -->``: a table of ``bench headroom``
- ``<!-- targets: FILE.csv -->``: what was asked for, and whether it was met
- ``<!-- speed: FILE.csv; TECHNIQUE, ... -->``: realised shares of the theoretical speed-up
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click
import pandas as pd
from document_tables import csv_table, headroom_table, report_table, speed_table, target_table

ROOT = Path(__file__).parents[1]
MARKER = r"<!-- (?P<kind>table|report|csv|headroom|speed|targets): (?P<source>[^;>]+?)(?:; (?P<rows>[^>]+))? -->"
BLOCK = re.compile(rf"({MARKER}\n).*?(<!-- end -->)", re.S)
HEAD = (
    "| network | training | seeds | top-1 | MACs of the backbone's | latency of the dense backbone over its "
    "own, same executor |\n| --- | --- | --- | --- | --- | --- |\n"
)


@click.command()
@click.argument("documents", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where a table is out of date.")
def main(documents: tuple[Path, ...], check: bool) -> None:
    """Fills the tables of DOCUMENTS from the records in results/."""
    old = [document for document in documents if filled(text := document.read_text()) != text]
    for document in old:
        click.echo(f"{document} {'is out of date' if check else 'is filled'}")
        if not check:
            document.write_text(filled(document.read_text()))
    sys.exit(int(check and bool(old)))


def filled(text: str) -> str:
    """A document's text with its tables as the records have them."""
    kinds = {"table": lambda source, rows: table(source.split(), rows), "report": report_table, "csv": csv_table}
    kinds |= {"headroom": headroom_table, "speed": speed_table, "targets": target_table}
    return BLOCK.sub(
        lambda found: f"{found[1]}\n{kinds[found['kind']](found['source'], found['rows'])}\n{found[5]}", text
    )


def table(files: list[str], wanted: str) -> str:
    """Markdown: one line for each of ``wanted`` (``METHOD`` or ``METHOD POINT``, with commas between) and file.

    Raises:
        click.UsageError: a network that is in none of the files.
    """
    records = {name: pd.read_csv(ROOT / "results" / name) for name in files}
    rows = []
    for network in (part.strip() for part in wanted.split(",")):
        found = [_row(network, _chosen(frame, network)) for frame in records.values()]
        if not any(found):
            raise click.UsageError(f"no record of {network} in {', '.join(files)}")
        rows += [row for row in found if row]
    return HEAD + "".join(dict.fromkeys(rows))


def _chosen(records: pd.DataFrame, network: str) -> pd.DataFrame:
    method, _, point = network.partition(" ")
    of_method = records[records["method"] == method]
    return of_method[(of_method["point"] - float(point)).abs() < 1e-9] if point else of_method


def _row(network: str, records: pd.DataFrame) -> str:
    if records.empty:
        return ""
    seeds = ", ".join(str(seed) for seed in sorted(records["seed"]))
    speedup = records["speedup_latency_same_executor"].mean()
    cells = (
        network,
        " / ".join(sorted(records["stage_epochs"].unique())),
        seeds,
        f"{records['top1'].mean():.2f} %",
        f"{records['macs_fraction'].mean():.3f}",
        "not timed" if pd.isna(speedup) else f"{speedup:.2f}",
    )
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    main()
