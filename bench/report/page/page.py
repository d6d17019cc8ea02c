"""``index.html``: one file with everything in it, which opens without a network."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bench.records import COLUMNS
from bench.records.validity import time_state
from bench.report.chart import Chart, names
from bench.report.entries import Result, note
from bench.report.page.filters import Filter, filters
from bench.report.page.gallery import Gallery, gallery
from bench.report.page.interactive import difference_figure, packed_plotly, pareto_figure
from bench.report.results import Group
from bench.report.tabular import Table
from bench.report.units import Unit
from bench.report.verdict import Verdict

CAPTIONS = {
    "families": "Each family of methods against the static front; other dynamic entries in grey.",
    "latency": "Accuracy against measured latency.",
    "speedup": "Theoretical against measured speed-up over dense in the same executor.",
    "macs": "How the cost spreads over the test images.",
    "blocks": "Share of test images that execute each block.",
    "classes": "The same by class, for each method's middle operating point.",
    "gates": "What the gates cost.",
    "shift": "Accuracy, cost and how much decisions vary on shifted test images, means over shifts.",
    "headroom": "What could be gained by choosing a network for each image, and what a gate could know at each depth.",
}


@dataclass(frozen=True)
class Figure:
    """A plot, as it is embedded."""

    uri: str
    caption: str


@dataclass(frozen=True)
class Section:
    """What the page shows of one group; ``answer`` is its small table, ``plots`` have a caption each."""

    group: Group
    verdict: Verdict
    answer: Table | None
    tables: Sequence[Table]
    figures: Sequence[Figure]
    plots: Sequence[tuple[str, dict[str, Any]]]
    filters: Sequence[Filter]
    gallery: Gallery


def page(
    verdicts: Sequence[Verdict],
    answers: dict[Group, Table | None],
    tables: dict[Group, list[Table]],
    figures: dict[Group, list[Path]],
    unit: Unit,
    data_dir: Path | None,
) -> str:
    """The page as HTML; whatever comes from records is escaped."""
    groups = [verdict.group for verdict in verdicts]
    sections = [
        Section(
            verdict.group,
            verdict,
            answers[verdict.group],
            tables[verdict.group],
            [_embed(path) for path in figures[verdict.group] if path.suffix == ".svg" and _kind(path) in CAPTIONS],
            _plots(Chart(verdict.group, groups, unit)),
            filters(verdict),
            gallery(verdict.group, data_dir),
        )
        for verdict in verdicts
    ]
    results = [result for group in groups for result in group.results]
    environment = Environment(
        loader=PackageLoader("bench.report.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("page.html").render(
        sections=sections,
        unit=unit,
        results=results,
        environments=_environments(results),
        facts=facts,
        plotly=packed_plotly(),
    )


def _plots(chart: Chart) -> list[tuple[str, dict[str, Any]]]:
    """The interactive plots, each behind its caption."""
    low, far = names(chart.below), names(chart.far_below)
    accuracy = (
        "Black: the static front, what smaller networks give that treat all images alike; shaded, its 95 % intervals. "
        "Colours are families, bars 95 % intervals of top-1. A click on a point opens its record."
    )
    above = (
        "The zero line is what a smaller static network gives for the same MACs. Above it, choosing for each image "
        "pays; where a bar crosses it, no difference is shown."
    )
    found = [(accuracy + (f" Below the picture: {low}." if low else ""), pareto_figure(chart))]
    if difference := difference_figure(chart):
        found.append((above + (f" Below the picture: {far}." if far else ""), difference))
    return found


def facts(result: Result) -> dict[str, str]:
    """All that a record knows, by name, unknown values left out, folders of the machine left out."""
    record = result.record
    known = {name: getattr(record, name) for name in COLUMNS if getattr(record, name) not in (None, "")}
    told = {
        "data": note(record.details, "data"),
        "start": note(record.details, "start"),
        "warnings": "; ".join(map(str, record.details.get("warnings") or [])),
        "time_state": time_state(record),
    }
    known |= {"dataset": record.title, "command": without_folders(record.command)}
    return {name: f"{value}" for name, value in (known | told).items() if value != ""}


def without_folders(text: str) -> str:
    """``text`` with absolute paths cut to their last part."""
    return re.sub(r"""(?<![\w.\-])/(?:[^\s'"/]+/)*""", "", text)


def _embed(path: Path) -> Figure:
    encoded = base64.b64encode(path.read_bytes()).decode()
    return Figure(f"data:image/svg+xml;base64,{encoded}", CAPTIONS[_kind(path)])


def _kind(path: Path) -> str:
    return path.name.partition("-")[0]


def _environments(results: Sequence[Result]) -> dict[str, dict[str, str]]:
    """What was known of each machine, by the id that records name it with."""
    found = {}
    for result in results:
        described = dict(result.record.details.get("environment") or {})
        packages = described.pop("packages", None) or {}
        described |= {"packages": ", ".join(f"{name} {version}" for name, version in packages.items() if version)}
        described |= {"constraints": result.record.details.get("constraints"), "commit": result.record.commit}
        found[result.record.environment_id] = {name: str(value) for name, value in described.items() if value}
    return found
