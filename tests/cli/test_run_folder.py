"""What ``bench run`` does to a folder that holds jobs already: reports on all of it, and destroys nothing unasked."""

import json
import shutil

import click
import pandas as pd
import pytest
from synthetic import quick_run

from bench.cli.command_line import typed_command
from bench.cli.run import run
from bench.records import find_records

TINY = ("--backbone", "resnet8-w0.25", "--epochs", "0", "--no-timing")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return quick_run(tmp_path_factory.mktemp("trained") / "runs", "dense,shallow")


@pytest.fixture
def runs(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs")
    return tmp_path / "runs"


def test_the_report_is_about_the_folder(bench_here, runs):
    code, out, error = bench_here("run", "--methods", "slim", *TINY)
    assert code == 0, error
    assert sorted(pd.read_csv(runs / "report" / "table.csv")["method"]) == ["dense", "shallow", "slim"]
    assert "all 3 finished jobs in runs; this run named 2" in out


def test_a_folder_that_cannot_stand_in_one_table_costs_no_run_its_report(bench_here, runs):
    (other,) = runs.glob("shallow-*")
    record = json.loads((other / "record.json").read_text())
    record["details"]["data"]["fingerprint"] = "other images"
    (other / "record.json").write_text(json.dumps(record))
    code, _, error = bench_here("run", "--methods", "slim", *TINY)
    assert code == 0 and "about this run alone" in error and "different images" in error
    assert sorted(pd.read_csv(runs / "report" / "table.csv")["method"]) == ["dense", "slim"]


def test_a_report_that_cannot_be_written_is_told_once(bench_here, runs):
    (runs / "report" / "report.md").unlink()
    (runs / "report" / "report.md").mkdir()
    code, _, error = bench_here("run", "--methods", "slim", *TINY)
    assert code == 2 and "cannot write" in error and "about this run alone" not in error
    assert len(error.strip().splitlines()) == 1
    assert len(find_records([runs])) == 3


def test_fresh_makes_anew_what_was_asked_for_and_nothing_else(bench_here, runs):
    def times():
        return {path.parent.name.split("-")[0]: path.stat().st_mtime_ns for path in runs.glob("*/record.json")}

    before = times()
    assert bench_here("run", "--methods", "shallow", *TINY, "--fresh")[0] == 0
    after = times()
    assert after["dense"] == before["dense"] and after["shallow"] > before["shallow"]
    assert bench_here("run", "--methods", "dense", *TINY, "--fresh")[0] == 0
    assert times()["dense"] > after["dense"] and times()["shallow"] == after["shallow"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["--methods", "lcnet,dense", "--out=/home/me/runs"], "--methods lcnet,dense --out runs"),
        (["--methods=l1", "--out", "../../me/runs"], "--methods l1 --out runs"),
        (["--suite", "suites/mine.yaml", "--no-timing", "--fresh"], "--suite suites/mine.yaml --no-timing --fresh"),
        (["--data-dir=/data", "--points", "0.3,0.5", "--pretrained", "/a/results"],
         "--pretrained results --points 0.3,0.5 --data-dir data"),
        (["--pretrained", "--seeds", "0,1"], "--pretrained --seeds 0,1"),
        (["--slurm", "setup=/home/me/env", "--slurm", "time=60"], "--slurm setup=env --slurm time=60"),
    ],
)  # fmt: skip
def test_a_record_names_no_place_of_its_machine(given, kept):
    context = run.make_context("run", list(given))
    assert typed_command(context) == f"bench run {kept}"
    assert click.get_current_context(silent=True) is None


def test_the_command_in_a_record_is_the_one_that_was_given(bench_here, tmp_path):
    assert bench_here("run", "--methods", "dense", *TINY, f"--out={tmp_path / 'elsewhere'}")[0] == 0
    (record,) = find_records([tmp_path / "elsewhere"]).values()
    assert record.command == "bench run --methods dense --backbone resnet8-w0.25 --epochs 0 --no-timing --out elsewhere"
