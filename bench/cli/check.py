"""``bench check``: guard reproduced numbers."""

from __future__ import annotations

from pathlib import Path

import click

from bench.choices import SHIPPED, SHIPPED_FOLDER, TIERS
from bench.cli.values import FILE, FOLDER, data_dir_option
from bench.errors import BadInput, CheckFailed

TIER = "fast: 500 images of every network; full: all images of a part of the networks."
SUBMISSION = "Somebody's folder of records: measured again where that can be done. Writes standing.csv there."
ALLOW_MISSING = "Compare what is on both sides: rows without a record and records without a row are no differences."


class Part(click.ParamType):
    """``K/N``: part K of N, counted from 1."""

    name = "K/N"

    def convert(self, value, parameter, context):
        try:
            part, parts = map(int, str(value).split("/"))
        except ValueError:
            self.fail(f"{value!r} is not of the form K/N", parameter, context)
        if not 1 <= part <= parts:
            self.fail(f"there is no part {part} of {parts}", parameter, context)
        return part, parts


@click.command()
@click.option("--against", type=FILE, help="A table.csv with the agreed numbers, for RUNS.")
@click.option(
    "--pretrained", type=FOLDER, is_flag=False, flag_value=SHIPPED,
    help=f"Measure the shipped networks below this folder again. Default: {SHIPPED_FOLDER}, here or in the repository.",
)  # fmt: skip
@click.option("--submission", type=FOLDER, help=SUBMISSION)
@click.option("--allow-missing", is_flag=True, help=ALLOW_MISSING)
@click.option("--tier", type=click.Choice(TIERS), default="fast", show_default=True, help=TIER)
@click.option("--part", type=Part(), default="1/1", show_default=True, help="Of the shipped networks, which part.")
@data_dir_option
@click.argument("runs", type=FOLDER, default=Path("runs"))
def check(against, pretrained, submission, allow_missing, tier, part, data_dir, runs) -> None:
    """Compares records with a table, shipped networks with their records, or a submission with its networks.

    Exits 1 and says which numbers left their tolerance, and what stands on one side only.
    """
    if sum(given is not None for given in (against, pretrained, submission)) != 1:
        said = "--against TABLE for the records in RUNS, --pretrained for networks, or --submission FOLDER"
        raise BadInput(f"say what to check: {said}")
    if submission is not None:
        _check_submission(submission, tier, data_dir)
    elif against is not None:
        _check_table(against, runs, allow_missing)
    else:
        _check_networks(pretrained, allow_missing, tier, part, data_dir)


def _check_table(against: Path, runs: Path, allow_missing: bool) -> None:
    from bench.records import table
    from bench.records.merge import find_jobs
    from bench.records.regression import compare_tables, read_table

    found = compare_tables(read_table(against), table(find_jobs([runs]).values()))
    left_out = found.unmatched if allow_missing else []
    differences = found.differences + ([] if allow_missing else found.unmatched)
    _conclude(differences, found.compared, f"records in {runs}", f"with {against}", left_out)


def _check_submission(folder: Path, tier: str, data_dir: Path | None) -> None:
    from bench.records import find_records
    from bench.records.standing import write_standings
    from bench.system.environment import commit
    from bench.zoo.checking import loader
    from bench.zoo.submission import CLAIMED, REFUTED, VERIFIED, examine

    load, rows, checked_at = loader(data_dir), [], commit()
    for path, record in sorted(find_records([folder]).items()):
        found = examine(path, record, load, tier)
        reasons = "; ".join(found.reasons)
        click.echo(": ".join(filter(None, (found.standing, found.job, reasons))))
        rows.append((found.job, found.standing, reasons, checked_at))
    if not rows:
        raise BadInput(f"no records below {folder}")
    write_standings(folder, rows)
    standings = [row[1] for row in rows]
    counts = ", ".join(f"{standings.count(one)} {one}" for one in (VERIFIED, CLAIMED, REFUTED))
    if REFUTED in standings:
        raise CheckFailed(f"{folder}: {counts}")
    click.echo(f"{folder}: {counts}")


def _check_networks(given: Path, allow_missing: bool, tier: str, part: tuple[int, int], data_dir: Path | None) -> None:
    from bench.zoo.checking import loader
    from bench.zoo.collection import Collection
    from bench.zoo.completeness import compare_with_tables, missing_parts
    from bench.zoo.loading import part_of
    from bench.zoo.location import shipped_folder

    folder = shipped_folder(given)
    found = Collection.of(folder)
    chosen = part_of(list(found.records), part[0] - 1, part[1])
    tables = compare_with_tables(found.records)
    lacking = missing_parts(folder) + tables.unmatched
    load, differences = loader(data_dir), tables.differences + ([] if allow_missing else lacking)
    for path in chosen:
        said = found.compare(path, load, tier)
        by = " (its images alone: the network is not shipped)" if path in found.bare else ""
        click.echo(f"{'differs' if said else 'agrees'}: {path.name}{by}")
        differences += said
    left_out = lacking if allow_missing else []
    _conclude(differences, len(chosen), f"networks in {folder}", "with their records", left_out)


def _conclude(differences: list[str], compared: int, what: str, against: str, left_out: list[str]) -> None:
    for line in differences:
        click.echo(line)
    if not compared:
        raise CheckFailed(f"nothing was compared: no {what} to compare {against}")
    if differences:
        raise CheckFailed(f"{len(differences)} differences; {compared} {what} compared {against}")
    for line in left_out:
        click.echo(f"left out, {line}")
    click.echo(f"{compared} {what} agree {against}")
