"""``bench verify``: is a method what it claims to be?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table

from bench.cli.terminal import table_console
from bench.cli.values import METHOD
from bench.errors import CheckFailed

if TYPE_CHECKING:
    from bench.measurement.conformance import CheckResult


@click.command()
@click.argument("methods", type=METHOD, nargs=-1, required=True)
def verify(methods: tuple[str, ...]) -> None:
    """Checks METHODS, ours or a plug-in's: decisions, identities, counts, gradients."""
    from bench.measurement.conformance import verify_method
    from bench.methods import load_method

    loaded = {name: load_method(name) for name in methods}
    outcomes = {name: verify_method(method) for name, method in loaded.items()}
    table_console().print(_table(outcomes))
    failed = [f"{name}: {one.check}" for name, all_ in outcomes.items() for one in all_ if not one.passed]
    if failed:
        raise CheckFailed(f"{len(failed)} checks failed: {'; '.join(failed)}")


def _table(outcomes: dict[str, list[CheckResult]]) -> Table:
    table = Table("method", "check", "", "detail")
    for name, checks in outcomes.items():
        for one in checks:
            table.add_row(name, one.check, "[green]ok[/]" if one.passed else "[red]FAILED[/]", one.detail)
        table.add_section()
    return table
