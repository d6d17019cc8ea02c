"""``bench import``: outcomes of a network that ran elsewhere, beside ours and never taken for ours."""

import pandas as pd
import pytest
from synthetic import LABELS, Runs, timing

from bench.records import find_records, read_record, read_samples, table
from bench.records.claims import Claim, import_outcomes
from bench.report import write_report
from bench.report.results import load_groups
from bench.report.styles import short
from bench.report.tables.claims import claim_table
from bench.report.tables.comparisons import comparison_table
from bench.report.units import UNITS
from bench.report.verdict import find_verdict

MARK = "theirs (claimed elsewhere)"


@pytest.fixture
def runs(tmp_path):
    (tmp_path / "runs").mkdir()
    runs = Runs(tmp_path / "runs")
    runs.add("dense", top1=80)
    runs.add("lcnet", point=0.5, top1=75, dynamic=True, stage_epochs="joint 1", **timing(0.5, 1))
    return runs


@pytest.fixture
def outcomes(runs):
    """A claim of 4 points more than the dense network, for half of its MACs; lines in no order."""
    samples = next(read_samples(path) for path, one in find_records([runs.folder]).items() if one.method == "dense")
    wrong = samples.index[~samples["correct"]][:20]
    samples.loc[wrong, "prediction"] = samples.loc[wrong, "label"]
    samples["macs"] = samples["macs"] // 2 + 10 * (samples["index"] % 3)
    return samples[["index", "prediction", "macs"]].sample(frac=1, random_state=0)


def _import(bench_here, outcomes, tmp_path, *options):
    outcomes.to_csv(tmp_path / "outcomes.csv", index=False)
    return bench_here("import", "outcomes.csv", "--as", "theirs", *options)


def test_a_claim_is_paired_with_ours_and_marked_wherever_it_is_shown(bench_here, monkeypatch, outcomes, runs, tmp_path):
    monkeypatch.setenv("COLUMNS", "200")
    outcomes = outcomes.assign(milliseconds=0.25, confidence=0.5, gate_macs=3)
    code, out, error = _import(bench_here, outcomes, tmp_path, "--epochs", 1, "--params", 9)
    assert code == 0 and MARK in out and "+4.00" in out, error
    folder = next(runs.folder.glob("theirs-*"))
    record = read_record(folder)
    assert (record.method, record.top1, record.params, record.gate_macs_mean) == (MARK, 86.6, 9, 3)
    assert record.threads is None and record.latency_ms_p50 is None and record.macs_fraction == pytest.approx(0.5, 1e-3)
    assert list(read_samples(folder)["label"]) == list(LABELS["digits"]), "in the order of ours"
    write_report([runs.folder], tmp_path / "report", ("md", "csv", "html"))
    for name in ("report.md", "table.csv", "index.html", "pareto-digits-resnet20.svg"):
        text = (tmp_path / "report" / name).read_text()
        assert MARK in text and text.count("theirs (") == text.count(MARK), name
    _, board, _ = bench_here("leaderboard", "runs", "--budgets", 0.5)
    assert "claimed elsewhere" in board.replace("\n", "")


def test_it_is_never_best_nor_an_answer(bench_here, outcomes, runs, tmp_path):
    def answer():
        (group,) = load_groups([runs.folder])
        return group, find_verdict(group, [group]).sentences, comparison_table(group).rows

    _, *before = answer()
    _import(bench_here, outcomes, tmp_path)
    group, *after = answer()
    assert before == after
    (claimed,) = (entry for entry in group.entries if entry.claimed)
    row, *_ = (row for row in claim_table(group, UNITS["macs"]).rows if row[1].text == "dense")
    assert row[2].value == pytest.approx(4) and row[6].value == pytest.approx(-20_275_510, 1e-4)
    assert not claimed.comparable and claimed.family.name == "claimed elsewhere"
    code, out, _ = bench_here("decide", "runs", "--min-top1", 85)
    assert code == 1 and "not measured here" in " ".join(out.split())
    assert pd.isna(table([claimed.record])["gate_macs_mean"][0]), "unknown is empty, never 0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.assign(index=one["index"] + 10**6), "none of our test images"),
        (lambda one: pd.concat([one, one.head(1)]), "an image for the second time (index"),
        (lambda one: one.iloc[3:], "lacks 3 of 500 test images"),
        (lambda one: one.assign(macs=float("nan")), "no number in column macs"),
        (lambda one: one.assign(macs=one["macs"] - 10**9), "macs below 0 (index"),
        (lambda one: one.assign(macs=0), "no image costs anything"),
        (lambda one: one.assign(prediction=10), "none of 10 classes"),
        (lambda one: one.assign(prediction=0.5), "no whole number in column prediction"),
        (lambda one: one.assign(label=7), "another label than ours"),
        (lambda one: one.assign(confidence=1.5), "confidence below 0 or above 1"),
        (lambda one: one.assign(gate_macs=10**9), "more gate_macs than macs"),
        (lambda one: one.assign(macs="many"), "cannot read outcomes.csv"),
        (lambda one: one.drop(columns="macs"), "has no column macs"),
        (lambda one: one.assign(mcas=1), "has a column 'mcas'"),
    ],
)
def test_what_are_no_outcomes_of_our_images_is_one_line(bench_here, outcomes, runs, tmp_path, change, message):
    code, _, error = _import(bench_here, change(outcomes), tmp_path)
    assert code == 2 and message in error and error.count("\n") == 1
    assert not list(runs.folder.glob("theirs-*"))


def test_names_and_places_that_cannot_be_meant_are_one_line(bench_here, outcomes, runs, tmp_path):
    assert _import(bench_here, outcomes, tmp_path)[0] == 0
    assert _import(bench_here, outcomes, tmp_path, "--seed", 1)[0] == 0, "another seed of the same"
    for arguments, message in (
        (("outcomes.csv", "--as", "theirs"), "is there already"),
        (("outcomes.csv", "--as", "lcnet"), "is a method of ours"),
        (("outcomes.csv", "--as", "a/b"), "is no name"),
        (("nothing.csv", "--as", "new"), "no file nothing.csv"),
        (("runs", "--as", "new"), "no file runs"),
        (("outcomes.csv", "--as", "new", "--backbone", "resnet8"), "no records in runs"),
        (("outcomes.csv", "--as", "new", "--point", 2), "an operating point is"),
    ):
        code, _, error = bench_here("import", *arguments)
        assert code == 2 and message in error and error.count("\n") == 1, error
    runs.add("dense", dataset="cifar10")
    code, _, error = bench_here("import", "outcomes.csv", "--as", "new")
    assert code == 2 and "choose with --dataset and --backbone" in error
    assert import_outcomes(tmp_path / "outcomes.csv", Claim("new", dataset="digits"), runs.folder).exists()
    code, _, error = bench_here("import", "outcomes.csv", "--as", "theirs", "--dataset", "cifar10")
    assert code == 2 and "test images" in error, "the name is free beside other images, which these are not"


def test_a_long_name_keeps_its_mark_in_plots():
    assert short("x" * 50 + " (claimed elsewhere) 0.5").endswith("… (claimed elsewhere) 0.5")
