"""Publishing: what it is given stays as it is, and what is refused is refused before anything was done."""

import json
import shutil

import pandas as pd
import pytest
from synthetic import quick_run

from bench.records import MODEL_FILE, find_records


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return quick_run(tmp_path_factory.mktemp("trained") / "runs", "dense")


@pytest.fixture
def runs(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "runs")
    return tmp_path / "runs"


def _content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("target", ["runs", "./runs", "runs/shipped", ".", "..", "link"])
def test_a_target_that_is_the_source_or_has_no_name_is_refused(bench_here, runs, tmp_path, target):
    (tmp_path / "link").symlink_to(runs)
    before = _content(tmp_path)
    code, out, error = bench_here("publish", "runs", "--to", target)
    assert code == 2 and out == "" and len(error.strip().splitlines()) == 1
    assert _content(tmp_path) == before


def test_an_empty_folder_of_runs_is_named(bench_here, tmp_path):
    (tmp_path / "runs").mkdir()
    code, _, error = bench_here("publish", "runs", "--to", "shipped")
    assert code == 2 and "no finished job in runs" in error


def test_tables_are_named_after_the_whole_name_of_their_folder(bench_here, runs, tmp_path):
    for version in ("v1.0", "v1.1"):
        assert bench_here("publish", "runs", "--to", version)[0] == 0
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["v1.0.csv", "v1.1.csv"]


def test_a_file_that_is_no_table_of_records_stays(bench_here, runs, tmp_path):
    (tmp_path / "shipped.csv").write_text("mine\n1\n")
    code, out, error = bench_here("publish", "runs", "--to", "shipped")
    assert code == 2 and out == "" and "shipped.csv is no table of records" in error
    assert (tmp_path / "shipped.csv").read_text() == "mine\n1\n" and not (tmp_path / "shipped").exists()


def test_publishing_again_keeps_what_was_measured_before_rounding(bench_here, runs, tmp_path):
    for source, target in (("runs", "first"), ("first", "second"), ("runs", "first")):
        assert bench_here("publish", source, "--to", target)[0] == 0
    (original,), (first,), (second,) = (
        find_records([tmp_path / name]).values() for name in ("runs", "first", "second")
    )
    before = {"top1": original.top1, "macs_mean": original.macs_mean}
    assert first.details["shipped"]["before_rounding"] == second.details["shipped"]["before_rounding"] == before


def test_another_network_of_the_same_job_is_not_overwritten(bench_here, runs, tmp_path):
    assert bench_here("publish", "runs", "--to", "shipped")[0] == 0
    before = _content(tmp_path / "shipped")
    quick_run(tmp_path / "trained longer", "dense", epochs=1)
    (longer,), (job,) = find_records([tmp_path / "trained longer"]), find_records([runs])
    shutil.copytree(longer, job, dirs_exist_ok=True)
    code, _, error = bench_here("publish", "runs", "--to", "shipped")
    assert code == 2 and "published already" in error
    assert _content(tmp_path / "shipped") == before


def test_one_job_with_two_results_is_refused(bench_here, runs, tmp_path):
    (job,) = find_records([runs])
    shutil.copytree(job, runs / "other" / job.name)
    assert bench_here("publish", "runs", "--to", "once")[0] == 0  # the same twice is the same
    record = json.loads((job / "record.json").read_text())
    (job / MODEL_FILE).write_bytes(b"others")
    (job / "record.json").write_text(json.dumps(record))
    code, _, error = bench_here("publish", "runs", "--to", "shipped")
    assert code == 2 and "different results of one job" in error


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("row", "agreed, but there is no record"),
        ("record", "that the agreed"),
        ("model", "without a record"),
        ("foreign", "not made by `bench publish`"),
    ],
)
def test_a_check_of_shipped_networks_counts_both_sides(bench_here, runs, tmp_path, spoil, says):
    assert bench_here("publish", "runs", "--to", "shipped")[0] == 0
    assert bench_here("check", "--pretrained", "shipped")[0] == 0
    (job,) = find_records([tmp_path / "shipped"])
    table = pd.read_csv(tmp_path / "shipped.csv")
    if spoil == "row":
        pd.concat([table, table.assign(seed=7)]).to_csv(tmp_path / "shipped.csv", index=False)
    elif spoil == "record":
        table.head(0).to_csv(tmp_path / "shipped.csv", index=False)
    elif spoil == "model":
        (tmp_path / "shipped" / "alone").mkdir()
        shutil.copy(job / MODEL_FILE, tmp_path / "shipped" / "alone")
    else:
        shutil.copytree(next(iter(find_records([runs]))), tmp_path / "shipped" / "trained")
    code, out, error = bench_here("check", "--pretrained", "shipped")
    assert code == 1 and says in out and "1 differences" in error
    assert bench_here("check", "--pretrained", "shipped", "--allow-missing")[0] == 0


def test_what_is_published_without_its_network_is_held_to_its_images(bench_here, runs, tmp_path):
    assert bench_here("publish", "runs", "--to", "bare", "--without-networks")[0] == 0
    ((folder, record),) = find_records([tmp_path / "bare"]).items()
    assert not (folder / MODEL_FILE).exists() and record.details["shipped"] == {"weights": "left out"}
    assert record.top1 == next(iter(find_records([runs]).values())).top1
    code, said, _ = bench_here("check", "--pretrained", "bare")
    assert code == 0 and "its images alone: the network is not shipped" in said
    code, _, error = bench_here("run", "--pretrained", "bare")
    assert code == 2 and "no shipped networks below" in error
    values = json.loads((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps(values | {"top1": values["top1"] - 0.1}))
    code, said, _ = bench_here("check", "--pretrained", "bare")
    assert code == 1 and "top1 is" in said
