"""Ranks: who beats whom, within equal budgets and trainings, and how sure that is."""

from pathlib import Path

import pytest
from synthetic import Runs

from bench.records import find_records
from bench.records.standing import write_standings
from bench.report.leaderboard import added_epochs, contests_of, leaderboard, rank
from bench.report.results import load_groups
from bench.report.styles import static_entries

ROOT = Path(__file__).parents[2]


@pytest.fixture
def made(tmp_path):
    """An empty folder of runs."""
    (tmp_path / "runs").mkdir()
    return Runs(tmp_path / "runs")


@pytest.fixture
def runs(made):
    made.add("dense")
    for method, top1 in (("lcnet", 90), ("skipnet", 70), ("slim", 50)):
        made.add(method, point=0.5, top1=top1, dynamic=method != "slim")
    return made


def test_a_method_that_beats_all_others_is_first(runs):
    found = rank(contests_of(load_groups([runs.folder])))
    assert [one.method for one in found] == ["lcnet", "skipnet", "slim"]
    assert [one.beats.value for one in found] == [100, 50, 0]
    # 20 points apart on 500 images: ten standard errors, so that no resample turns them round.
    assert [(one.beats.low, one.beats.high) for one in found] == [(100, 100), (50, 50), (0, 0)]
    assert [(one.contests, one.first) for one in found] == [(2, 2), (2, 0), (2, 0)], "at 0.6 and at 0.8, not at 0.4"
    assert [one.records for one in found] == [1, 1, 1], "one record each, in two contests"


def test_methods_that_are_alike_are_not_told_apart(made):
    made.add("lcnet", point=0.5, top1=80, dynamic=True)
    made.add("slim", point=0.5, top1=80, seed=0)
    for one in rank(contests_of(load_groups([made.folder]))):
        assert one.beats.low == 0 and one.beats.high == 100


def test_trainings_of_other_lengths_do_not_compete(made):
    made.add("lcnet", point=0.5, dynamic=True, stage_epochs="joint 20")
    made.add("slim", point=0.5, stage_epochs="train 3")
    assert contests_of(load_groups([made.folder])) == []


def test_int8_does_not_compete(runs):
    runs.add("fixed", point=0.5, top1=99, details={"quantised_from": {"job": "another"}})
    groups = load_groups([runs.folder])
    assert [one.method for one in rank(contests_of(groups))] == ["lcnet", "skipnet", "slim"]
    static = {entry.record.method for entry in static_entries(groups[0], groups)}
    assert static == {"dense", "slim"}, "nor is it what dynamic networks are held against"


def test_epochs_of_a_cascade_are_those_of_its_members_but_the_dense_one(runs):
    record = load_groups([runs.folder])[0].entries[0].record
    members = [{"method": "l1", "stage_epochs": "train 3"}, {"method": "dense", "stage_epochs": "train 50"}]
    record.details["members"] = members
    assert added_epochs(record) == 3


def test_the_command_shows_what_was_checked(bench_here, runs, tmp_path):
    job = next(path.name for path, record in find_records([runs.folder]).items() if record.method == "lcnet")
    write_standings(runs.folder, [(job, "verified", "", "0" * 40)])
    code, out, _ = bench_here("leaderboard", "runs", "--out", "board.md")
    assert code == 0 and "verified" in out and "not checked" in out
    assert (tmp_path / "board.md").read_text().startswith("# Leaderboard\n")
    (runs.folder / "standing.csv").write_text("no table\n")
    code, _, error = bench_here("leaderboard", "runs")
    assert code == 2 and len(error.splitlines()) == 1


def test_nothing_to_rank_is_one_line(bench_here, made):
    made.add("dense")
    code, _, error = bench_here("leaderboard", "runs")
    assert code == 2 and "nothing to rank" in error and len(error.splitlines()) == 1


def test_the_committed_leaderboard_is_up_to_date():
    """Otherwise: ``bench leaderboard results --out results/leaderboard.md``."""
    from bench.report.tabular import to_markdown

    table = leaderboard(load_groups([ROOT / "results"]), {})
    assert (ROOT / "results" / "leaderboard.md").read_text() == f"# Leaderboard\n\n{to_markdown(table)}"
