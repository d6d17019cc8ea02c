"""``bench leaderboard``: ranks of methods over everything that was measured."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.values import FOLDER, CommaSeparated

BUDGETS = "Fractions of the dense backbone's MACs. Default: 0.4, 0.6, 0.8."


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER, metavar="RUNS...")
@click.option("--budgets", type=CommaSeparated(float), help=BUDGETS)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it as Markdown, too.")
def leaderboard(folders: tuple[Path, ...], budgets: tuple[float, ...] | None, out: Path | None) -> None:
    """Ranks the methods of the records in RUNS over data sets, backbones and budgets, with bootstrap intervals.

    What `bench check --submission` wrote into RUNS says which numbers were measured again.
    """
    from bench.cli.terminal import table_console
    from bench.errors import BadInput
    from bench.records.standing import read_standings
    from bench.report.leaderboard import BUDGETS as USUAL
    from bench.report.leaderboard import leaderboard as ranks
    from bench.report.results import load_groups
    from bench.report.tabular import to_console, to_markdown
    from bench.system.files import write_atomically

    if budgets is not None and not all(budget > 0 for budget in budgets):
        raise BadInput(f"--budgets must be above 0, not {min(budgets):g}")
    table = ranks(load_groups(folders), read_standings(folders), budgets or USUAL)
    if not table.rows:
        raise BadInput("nothing to rank: no budget has two methods that were trained alike")
    console = table_console()
    console.print(to_console(table))
    for note in table.notes:
        console.print(note, soft_wrap=True, highlight=False, markup=False)
    if out is not None:
        write_atomically(out, lambda path: path.write_text(f"# Leaderboard\n\n{to_markdown(table)}"))
