"""The kinds of tables that documents hold, each made from files below ``results/``."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import click
import pandas as pd

from bench.report import group_tables
from bench.report.entries import counted
from bench.report.headroom.findings import find_findings
from bench.report.headroom.tables import headroom_tables
from bench.report.results import Group, load_groups
from bench.report.tables.verdicts import verdict_table
from bench.report.tabular import Table, markdown_text, to_markdown
from bench.report.units import UNITS
from bench.report.verdict import find_verdict

RESULTS = Path(__file__).parents[1] / "results"
MACS = UNITS["macs"]
SHARES = "{:.2f}"


def report_table(source: str, wanted: str | None) -> str:
    """A table of ``bench report``, or its answer in words.

    Args:
        source: ``answer``, or the first word of the table's name (``verdict``, ``results``, ``time``, ``comparisons``,
            ``trades``, ...), then folders with records; the table is of the first one's backbone.
        wanted: headings of the columns to show, with commas between; None: all.

    Raises:
        click.UsageError: no such table or column.
    """
    kind, *folders = source.split()
    groups, (own,) = _groups(tuple(folders)), _groups(tuple(folders[:1]))
    (group,) = (one for one in groups if one.name == own.name)
    verdict = find_verdict(group, groups)
    if kind == "answer":
        return "\n".join(f"{markdown_text(sentence)}" for sentence in verdict.sentences) + "\n"
    tables = [verdict_table(verdict, MACS), *group_tables(group, MACS, groups=groups)]
    found = next((one for one in tables if one and one.name == f"{kind}-{group.slug}"), None)
    if found is None:
        raise click.UsageError(f"no table {kind} of {', '.join(folders)}")
    return _pipes(_columns(found, wanted) if wanted else found)


def headroom_table(source: str, wanted: str | None) -> str:
    """A table of ``bench headroom``.

    Args:
        source: the last word of the table's name (``oracles``, ``networks``, ``probes``, ...), then a folder.
        wanted: headings of the columns to show, with commas between; None: all.

    Raises:
        click.UsageError: no such table or column.
    """
    kind, folder = source.split()
    (findings,) = find_findings([RESULTS / folder])
    found = next((one for one in headroom_tables(findings) if one.name == f"headroom-{kind}"), None)
    if found is None:
        raise click.UsageError(f"no table {kind} of {folder}")
    return _pipes(_columns(found, wanted) if wanted else found)


def csv_table(source: str, wanted: str | None) -> str:
    """Columns of a CSV file.

    Args:
        source: the file.
        wanted: ``COLUMN as HEADING`` with commas between; fractions have two decimals, with ``COLUMN:3`` three; of a
            text ``COLUMN:7`` shows the first seven letters.

    Raises:
        click.UsageError: no such column.
    """
    rows = pd.read_csv(RESULTS / source)
    chosen = [part.strip().partition(" as ") for part in (wanted or ",".join(rows.columns)).split(",")]
    lines = [[heading or name for name, _, heading in chosen], ["---"] * len(chosen)]
    lines += [[_written(row, name) for name, _, _ in chosen] for _, row in rows.iterrows()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def speed_table(source: str, wanted: str | None) -> str:
    """Realised share of the theoretical speed-up: one line for network, batch and gates, by the share that was kept.

    Args:
        source: a CSV of ``experiments/skipping.py``.
        wanted: techniques to show, with commas between.
    """
    rows = pd.read_csv(RESULTS / source)
    rows["technique"] = rows["technique"].str.replace(",", "")
    rows["share"] = rows["realised"].map(SHARES.format) + rows["valid"].map({True: "", False: "\\*"})
    techniques = [part.strip() for part in (wanted or "").split(",")]
    lines = [["network", "batch", "gates", "commit", "kept", "theory", *techniques], ["---"] * (6 + len(techniques))]
    rows["commit"] = rows["commit"].str[:7]
    for where, same in rows.groupby(["network", "batch", "gates", "commit"], sort=False):
        parts = [same[same["technique"] == technique].sort_values("keep") for technique in techniques]
        first = next((part for part in parts if len(part)), None)
        if first is not None:
            cells = [" / ".join(part["share"]) for part in parts]
            kept, theory = (" / ".join(first[c].map(f.format)) for c, f in (("keep", "{:g}"), ("theoretical", SHARES)))
            lines.append([*map(str, where), kept, theory, *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


@cache
def _groups(folders: tuple[str, ...]) -> list[Group]:
    return load_groups([RESULTS / folder for folder in folders])


def _columns(table: Table, wanted: str) -> Table:
    known = [column.heading for column in table.columns]
    headings = [part.strip() for part in wanted.split(";" if ";" in wanted else ",")]
    if missing := set(headings) - set(known):
        raise click.UsageError(f"{table.name} has no column {', '.join(sorted(missing))}, but {', '.join(known)}")
    places = [known.index(heading) for heading in headings]
    rows = [[row[place] for place in places] for row in table.rows]
    return replace(table, columns=[table.columns[place] for place in places], rows=rows)


def _pipes(table: Table) -> str:
    """The table alone, without its title and caption."""
    return "".join(f"{line}\n" for line in to_markdown(table).splitlines() if line.startswith("|"))


def _written(row: pd.Series, name: str) -> str:
    name, _, digits = name.partition(":")
    if name not in row:
        raise click.UsageError(f"no column {name} among {', '.join(map(str, row.index))}")
    value = row[name]
    if pd.isna(value):
        return ""
    if isinstance(value, str):
        return value[: int(digits)] if digits else value
    return f"{value:.{int(digits or 2)}f}" if isinstance(value, float) else str(value)


def target_table(source: str, _: str | None) -> str:
    """What was asked for, what was measured (means over seeds), and whether it was met.

    Args:
        source: a CSV of targets: at most so many points below the dense network, at most this fraction of its MACs, at
            least this accuracy; what is empty was not asked.
    """
    lines = ["| asked for | network | wanted | measured | |\n", "| --- | --- | --- | --- | --- |\n"]
    for target in pd.read_csv(RESULTS / source).itertuples():
        records = pd.read_csv(RESULTS / target.file)
        of_point = records["point"].isna() if pd.isna(target.point) else records["point"] == target.point
        own = records[(records["method"] == target.method) & of_point]
        dense = records.loc[records["method"] == "dense", "top1"].mean()
        checks = [
            (target.points_below_dense, dense - own["top1"].mean(), "{:.2f} points below", 1),
            (target.macs_fraction, own["macs_fraction"].mean(), "{:.3f} of the MACs", 1),
            (target.top1, own["top1"].mean(), "{:.2f} %", -1),
        ]
        checks = [check for check in checks if not pd.isna(check[0])]
        met = "**met**" if all(sign * found <= sign * wanted for wanted, found, _, sign in checks) else "missed"
        network = target.method + ("" if pd.isna(target.point) else f" {target.point:g}")
        wanted, found = (", ".join(text.format(values[i]) for *values, text, _ in checks) for i in (0, 1))
        lines.append(f"| {target.asked} | {network} ({counted(len(own), 'seed')}) | {wanted} | {found} | {met} |\n")
    return "".join(lines)
