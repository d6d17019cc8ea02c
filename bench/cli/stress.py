"""``bench stress``: trained networks on images that they were not made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.choices import ATTACKS, CORRUPTIONS, EXECUTORS, SEVERITIES, SHIFTS
from bench.cli.command_line import typed_command
from bench.cli.options import EXECUTOR
from bench.cli.values import FOLDER, CommaSeparated, data_dir_option
from bench.errors import BadInput

ALL = "all"
SHIFT = f"all, corruptions (the first 15), or some of {', '.join(SHIFTS)}."
ATTACK = f"all, or some of {', '.join(ATTACKS)}."
EPSILON = "Largest change of a pixel by an attack, of 255."


@click.command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER, metavar="RUNS...")
@click.option("--shift", "shifts", type=CommaSeparated(str, lambda context: (ALL, "corruptions", *SHIFTS)), help=SHIFT)
@click.option("--severity", "severities", type=CommaSeparated(int), default="1,2,3,4,5", show_default=True)
@click.option("--attack", "attacks", type=CommaSeparated(str, lambda context: (ALL, *ATTACKS)), help=ATTACK)
@click.option("--epsilon", type=click.IntRange(1, 255), default=8, show_default=True, help=EPSILON)
@click.option("--steps", type=click.IntRange(min=1), default=20, show_default=True, help="Of an attack.")
@click.option("--restarts", type=click.IntRange(min=1), default=1, show_default=True, help="Of an attack.")
@click.option("--images", type=click.IntRange(min=1), help="The first so many test images. Default: all.")
@data_dir_option
@click.option("--executor", type=click.Choice(EXECUTORS), default="auto", show_default=True, help=EXECUTOR)
@click.option("--out", type=FOLDER, help="Where to; default: stress/ in the first RUNS.")
@click.pass_context
def stress(context: click.Context, folders: tuple[Path, ...], out: Path | None, **options: Any) -> None:
    """Accuracy and MACs per image of the trained networks below RUNS on shifted and on attacked test images.

    Without --shift and --attack: all shifts. An attack changes images within a bound so that the networks at hand spend
    more: it measures how robust their saving is. What is measured is kept: the same command continues. `bench report`
    shows what lies below its RUNS_DIR.
    """
    attacks = _chosen(options["attacks"] or (), {ALL: ATTACKS}, ATTACKS, "attack")
    asked = options["shifts"] or (() if attacks else (ALL,))
    shifts = _chosen(asked, {ALL: SHIFTS, "corruptions": CORRUPTIONS}, SHIFTS, "shift")
    severities = sorted(set(options["severities"]))
    if unknown := [severity for severity in severities if severity not in SEVERITIES]:
        raise BadInput(f"--severity takes some of 1 to 5, not {unknown[0]}")
    from bench.measurement.attack import Ascent
    from bench.report.stress import write_stress
    from bench.zoo.stress import AttackPlan, ShiftPlan, load_subjects, stress_attacks, stress_shifts

    out, command, images = out or folders[0] / "stress", typed_command(context), options["images"]
    subjects, data = load_subjects(folders, options["data_dir"], options["executor"])
    if shifts:
        stress_shifts(subjects, data, ShiftPlan(shifts, severities, images, options["data_dir"], command), out, _say)
    if attacks:
        ascent = Ascent(options["epsilon"], steps=options["steps"], restarts=options["restarts"])
        stress_attacks(subjects, data, AttackPlan(attacks, images, command, ascent), out, _say)
    for path in write_stress(out):
        click.echo(path)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _chosen(
    names: tuple[str, ...], groups: dict[str, tuple[str, ...]], known: tuple[str, ...], what: str
) -> tuple[str, ...]:
    """What ``names`` name, in the order of ``known``.

    Args:
        groups: names that stand for several.

    Raises:
        BadInput: one that is not there.
    """
    if unknown := [name for name in names if name not in (*groups, *known)]:
        raise BadInput(f"unknown {what} {unknown[0]!r}: choose from {', '.join((*groups, *known))}")
    wanted = {one for name in names for one in groups.get(name, (name,))}
    return tuple(name for name in known if name in wanted)
