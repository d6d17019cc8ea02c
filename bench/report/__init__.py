"""Reports: tables, plots and a page, each a pure function of records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.records import table
from bench.report.plots import pareto_plot
from bench.report.results import load_groups
from bench.report.tables import results_table
from bench.report.tabular import to_markdown
from bench.report.units import UNITS
from bench.storage import write_atomically

FORMATS = ("md", "csv", "latex", "html")


def write_report(
    folders: Sequence[Path], out: Path, formats: Sequence[str] = ("md", "csv"), convention: str = "macs"
) -> list[Path]:
    """Writes the report on all records below ``folders`` into ``out``.

    Args:
        formats: some of ``FORMATS``.
        convention: what tables count, ``macs`` or ``flops`` (1 MAC = 2 FLOPs). The CSV always has MACs.

    Returns:
        The files written.

    Raises:
        BadInput: no records, records that cannot stand in one table, or a folder that cannot be written.
    """
    groups, unit = load_groups(folders), UNITS[convention]
    out.mkdir(parents=True, exist_ok=True)
    texts = {}
    if "md" in formats:
        texts["report.md"] = "\n".join(to_markdown(results_table(group, unit)) for group in groups)
    if "csv" in formats:
        records = [result.record for group in groups for result in group.results]
        texts["table.csv"] = table(records).to_csv(index=False)
    files = []
    for name, text in texts.items():
        write_atomically(out / name, lambda path, text=text: path.write_text(text))
        files.append(out / name)
    for group in groups:
        files += pareto_plot(group, groups, unit, out)
    return files
