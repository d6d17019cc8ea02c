"""``bench list``: what there is."""

from __future__ import annotations

import click

from bench.choices import DATASETS, backbone_names, method_names
from bench.errors import BadInput
from bench.runs.plan.bundled import suite_names


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
    return {"methods": method_names, "datasets": lambda: list(DATASETS), "suites": suite_names}[what]()


def _print_methods() -> None:
    """The table of those that can be loaded, and below it why the others cannot."""
    from rich.console import Console
    from rich.table import Table

    from bench.methods import load_method  # and with it torch

    table, broken = Table("method", "decides", "looks at", "year", "paper"), []
    for name in method_names():
        try:
            info = load_method(name).info
        except BadInput as error:
            broken.append(str(error))
            continue
        table.add_row(name, info.decides, info.looks_at, "" if info.year is None else str(info.year), info.paper)
    Console().print(table)
    for reason in broken:
        click.echo(f"cannot be used: {' '.join(reason.split())}")
