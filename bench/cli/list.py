"""``bench list``: what there is."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from bench.methods import load_method, method_names
from bench.networks.backbones import backbone_names
from bench.runs.plan.defaults import DEFAULTS
from bench.runs.plan.suite import suite_names


@click.command("list")
@click.argument("what", type=click.Choice(["methods", "datasets", "backbones", "suites"]))
def list_(what: str) -> None:
    """Lists methods, datasets, backbones or suites."""
    if what == "methods":
        Console().print(_methods())
        return
    backbones = [*backbone_names("cifar10"), *(f"{name} (imagenet)" for name in backbone_names("imagenet"))]
    names = {"datasets": list(DEFAULTS), "backbones": backbones, "suites": suite_names()}
    for name in names[what]:
        click.echo(name)


def _methods() -> Table:
    table = Table("method", "decides", "looks at", "year", "paper")
    for name in method_names():
        info = load_method(name).info
        table.add_row(name, info.decides, info.looks_at, "" if info.year is None else str(info.year), info.paper)
    return table
