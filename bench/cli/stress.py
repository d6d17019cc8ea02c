"""``bench stress``: trained networks on images that they were not made for."""

from __future__ import annotations

from pathlib import Path

import click

from bench.choices import CORRUPTIONS, EXECUTORS, SEVERITIES, SHIFTS
from bench.cli.command_line import typed_command
from bench.cli.options import EXECUTOR
from bench.cli.values import FOLDER, CommaSeparated, data_dir_option
from bench.errors import BadInput

ALL = "all"
SHIFT = f"all, corruptions (the first 15), or some of {', '.join(SHIFTS)}."
DATA_DIR = "Also from BENCH_DATA. CIFAR-10-C/ in it, the published files, takes the place of generated corruptions."


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER, metavar="RUNS...")
@click.option(
    "--shift",
    "shifts",
    type=CommaSeparated(str, lambda context: (ALL, "corruptions", *SHIFTS)),
    default=ALL,
    help=SHIFT,
)
@click.option("--severity", "severities", type=CommaSeparated(int), default="1,2,3,4,5", show_default=True)
@click.option("--images", type=click.IntRange(min=1), help="The first so many test images. Default: all.")
@data_dir_option
@click.option("--executor", type=click.Choice(EXECUTORS), default="auto", show_default=True, help=EXECUTOR)
@click.option("--out", type=FOLDER, help="Where to; default: stress/ in the first RUNS.")
@click.pass_context
def stress(
    context: click.Context,
    folders: tuple[Path, ...],
    shifts: tuple[str, ...],
    severities: tuple[int, ...],
    images: int | None,
    data_dir: Path | None,
    executor: str,
    out: Path | None,
) -> None:
    """Accuracy and MACs per image of the trained networks below RUNS on shifted test images.

    What is measured is kept: the same command continues. `bench report` shows what lies below its RUNS_DIR.
    """
    chosen = _shifts(shifts)
    if unknown := [severity for severity in severities if severity not in SEVERITIES]:
        raise BadInput(f"--severity takes some of 1 to 5, not {unknown[0]}")
    from bench.report.stress import write_stress
    from bench.zoo.stress import ShiftPlan, load_subjects, stress_shifts

    out = out or folders[0] / "stress"
    subjects, data = load_subjects(folders, data_dir, executor)
    plan = ShiftPlan(chosen, sorted(set(severities)), images, data_dir, typed_command(context))
    stress_shifts(subjects, data, plan, out, lambda line: click.echo(line, err=True))
    for path in write_stress(out):
        click.echo(path)


def _shifts(names: tuple[str, ...]) -> tuple[str, ...]:
    """The shifts in their order.

    Raises:
        BadInput: one that is not there.
    """
    if unknown := [name for name in names if name not in (ALL, "corruptions", *SHIFTS)]:
        raise BadInput(f"unknown shift {unknown[0]!r}: choose from all, {', '.join(SHIFTS)}")
    wanted = {*names, *(SHIFTS if ALL in names else ()), *(CORRUPTIONS if "corruptions" in names else ())}
    return tuple(name for name in SHIFTS if name in wanted)
