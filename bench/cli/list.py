"""``bench list``: what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from bench.choices import backbone_names, dataset_names, method_names
from bench.errors import BadInput
from bench.runs.plan.bundled import suite_names

if TYPE_CHECKING:
    from rich.table import Table

    from bench.methods import MethodInfo

WIDE = 200
"""Columns in which a method and its whole paper stand on one line."""


@click.command("list")
@click.argument("what", type=click.Choice(["methods", "datasets", "backbones", "suites"]))
@click.option("--names", is_flag=True, help="Of methods only the names, at once: no method is loaded.")
def list_(what: str, names: bool) -> None:
    """Lists methods, datasets, backbones or suites."""
    if what == "methods" and not names:
        _print_methods()
        return
    for name in _names(what):
        click.echo(name)


def _names(what: str) -> list[str]:
    if what == "backbones":
        return [*backbone_names("cifar10"), *(f"{name} (imagenet)" for name in backbone_names("imagenet"))]
    return {"methods": method_names, "datasets": dataset_names, "suites": suite_names}[what]()


def _print_methods() -> None:
    """The table of those that can be loaded, and below it why the others cannot."""
    from bench.cli.terminal import table_console

    console = table_console()
    table, broken = _methods(console.width)
    console.print(table)
    for reason in broken:
        click.echo(f"cannot be used: {' '.join(reason.split())}")


def _methods(width: int) -> tuple[Table, list[str]]:
    """Methods by family and year, a line each in a pipe and where it fits; in a narrow terminal papers by number."""
    from rich.table import Table

    from bench.methods import load_method  # and with it torch

    table, broken = Table(box=None, pad_edge=False), []
    table.add_column("method", no_wrap=True)
    for heading in ("decides", "looks at"):
        table.add_column(heading, overflow="fold")
    table.add_column("year", no_wrap=True)
    table.add_column("paper", no_wrap=True)
    infos: dict[str, MethodInfo] = {}
    for name in method_names():
        try:
            infos[name] = load_method(name).info
        except BadInput as error:
            broken.append(str(error))
    for family, names in _by_family(infos):
        table.add_section()
        table.add_row("", f"[bold]{family}[/]")  # beside the names, which stay narrow
        for name in names:
            info = infos[name]
            year = "" if info.year is None else str(info.year)
            table.add_row(name, info.decides, info.looks_at, year, info.paper if width >= WIDE else _short(info.paper))
    return table, broken


def _by_family(infos: Mapping[str, MethodInfo]) -> Iterator[tuple[str, list[str]]]:
    """Families in the order of reports, with their methods by year; those that no family names come last."""
    from bench.report.families import FAMILIES, family_named  # and with it pandas

    known = {name: found.name for name in infos if (found := family_named(name))}
    for family in (*(one.name for one in FAMILIES), "others"):
        names = [name for name in infos if known.get(name, "others") == family]
        if names:
            yield family, sorted(names, key=lambda name: (infos[name].year or 0, name))


def _short(paper: str) -> str:
    """What finds a paper: its number at arXiv, or else the first words."""
    found = re.search(r"arXiv \d{4}\.\d{4,5}", paper)
    return found[0] if found else re.split("[,:]", paper)[0]
