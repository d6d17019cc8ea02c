"""Reports: tables, plots and a page, each a pure function of records."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from bench.choices import CHALLENGER
from bench.errors import BadInput
from bench.records import table
from bench.records.collection import Folder, folder_paths
from bench.records.conditions import SHIFTS, find_conditions
from bench.report.drawing import PAPER, SCREEN, draw
from bench.report.headroom import Headroom, find_findings, headroom_tables
from bench.report.page import page
from bench.report.results import Group, load_groups
from bench.report.stress import stress_tables
from bench.report.tables import results_table
from bench.report.tables.backbones import backbone_table
from bench.report.tables.choosing import choosing_table
from bench.report.tables.claims import claim_table
from bench.report.tables.comparisons import comparison_table, front_table
from bench.report.tables.curves import curve_table
from bench.report.tables.images import image_table
from bench.report.tables.quantised import quantised_table
from bench.report.tables.stops import stop_table
from bench.report.tables.times import time_table
from bench.report.tables.trades import trade_table
from bench.report.tables.verdicts import verdict_table
from bench.report.tabular import Table, latex_document, markdown_text, to_latex, to_markdown
from bench.report.units import UNITS, Unit
from bench.report.verdict import Verdict, find_verdict
from bench.system.files import write_atomically

ANSWER_PLOTS = ("pareto-", "difference-")


def write_report(
    folders: Folder | Iterable[Folder],
    out: str | Path,
    formats: Sequence[str] = ("md", "csv"),
    convention: str = "macs",
    data_dir: Path | None = None,
    challenger: str = CHALLENGER,
) -> list[Path]:
    """Writes the report on all records below ``folders`` into ``out``.

    Args:
        formats: some of ``md``, ``csv``, ``latex`` (each table to ``\\input``, all in one document, plots also as PDF)
            and ``html``.
        convention: what tables count, ``macs`` or ``flops`` (1 MAC = 2 FLOPs). The CSV always has MACs.
        challenger: the method that is held against every other one.
        data_dir: where the page's gallery finds the images of data sets that are not embedded.

    Returns:
        The files written.

    Raises:
        BadInput: no records, records that cannot stand in one table, a challenger without records, or a folder that
            cannot be written.
    """
    paths, out = folder_paths(folders), Path(out)
    groups, unit = load_groups(paths), UNITS[convention]
    known = {result.record.method for group in groups for result in group.results}
    if challenger not in known | {CHALLENGER}:
        raise BadInput(f"no record of the challenger {challenger!r}: there are {', '.join(sorted(known))}")
    _make_folder(out)
    jobs = {result.job for group in groups for result in group.results}
    findings = [found for found in find_findings(paths) if found.jobs <= jobs]  # of records that are not here: none
    verdicts = [find_verdict(group, groups) for group in groups]
    tables = {
        one: [*group_tables(one, unit, findings, challenger, groups), *stress_tables(one, paths)] for one in groups
    }
    answers = {one.group: verdict_table(one, unit) for one in verdicts}
    kinds = PAPER if "latex" in formats else SCREEN
    figures = {
        group: draw(group.name, partial(_makers, group, groups, unit, paths, findings), out, kinds) for group in groups
    }
    texts = {}
    if "md" in formats:
        texts["report.md"] = "\n".join(
            _markdown(one, answers[one.group], tables[one.group], figures[one.group]) for one in verdicts
        )
    if "csv" in formats:
        records = [result.record for group in groups for result in group.results]
        texts["table.csv"] = table(records).to_csv(index=False)
    if "latex" in formats:
        printed = [one for group in groups for one in (answers[group], *tables[group]) if one]
        texts |= {f"{one.name}.tex": to_latex(one) for one in printed} | {"tables.tex": latex_document(printed)}
    if "html" in formats:
        texts["index.html"] = page(verdicts, answers, tables, figures, unit, data_dir)
    files = []
    for name, text in texts.items():
        write_atomically(out / name, partial(Path.write_text, data=text, encoding="utf-8"))
        files.append(out / name)
    return files + [path for drawn in figures.values() for path in drawn]


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot write to {out}: {error.strerror}") from error


def group_tables(
    group: Group,
    unit: Unit,
    findings: Sequence[Headroom] = (),
    challenger: str = CHALLENGER,
    groups: Sequence[Group] = (),
) -> list[Table]:
    """Every table but the answer's that the group's records, findings about them, and other ``groups`` allow."""
    tables = (
        results_table(group, unit),
        time_table(group),
        image_table(group),
        backbone_table(group, groups, unit),
        comparison_table(group),
        quantised_table(group),
        claim_table(group, unit),
        trade_table(group, unit, challenger),
        front_table(group, unit),
        stop_table(group, unit),
        choosing_table(group, unit),
        curve_table(group, unit),
    )
    headroom = headroom_of(group, findings)
    return [one for one in tables if one] + (headroom_tables(headroom, group.slug) if headroom else [])


def headroom_of(group: Group, findings: Sequence[Headroom]) -> Headroom | None:
    """What ``bench headroom`` found about the group, of the most records; None where nothing."""
    same = [found for found in findings if (found.dataset, found.backbone) == (group.dataset, group.backbone)]
    return max(same, key=lambda found: len(found.jobs), default=None)


def _makers(
    group: Group, groups: Sequence[Group], unit: Unit, folders: Sequence[Path], findings: Sequence[Headroom]
) -> dict[str, Callable]:
    from bench.report.plots.group import group_plots  # and with it matplotlib

    shifts = find_conditions(folders, SHIFTS, [result.job for result in group.results])
    return group_plots(group, groups, unit, headroom_of(group, findings), shifts)


def _markdown(verdict: Verdict, answer: Table | None, tables: Sequence[Table], figures: Sequence[Path]) -> str:
    """The answer and its two plots, then everything else, folded."""
    images = {path.name: f"![{path.stem}]({path.name})\n" for path in figures if path.suffix == ".svg"}
    first = [text for name, text in images.items() if name.startswith(ANSWER_PLOTS)]
    rest = [text for name, text in images.items() if not name.startswith(ANSWER_PLOTS)]
    return "\n".join(
        [
            f"## {markdown_text(verdict.group.name)}\n",
            markdown_text(" ".join(verdict.sentences)) + "\n",
            *first,
            to_markdown(answer) if answer else "",
            *(_folded(table.title, to_markdown(table)) for table in tables),
            _folded("More plots", "\n".join(rest)) if rest else "",
        ]
    )


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{html.escape(title)}</summary>\n\n{text}\n</details>\n"
