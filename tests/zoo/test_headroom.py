"""``bench headroom`` on networks trained for the test, and on the committed records."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.data import cifar10h
from bench.measurement.selection import Answers, cascade
from bench.records import find_records, read_samples
from bench.report.headroom import read_findings

ROOT = Path(__file__).parents[2]
ARGUMENTS = ("--backbone", "resnet8", "--epochs", "1", "--no-timing", "--out", "runs")


@pytest.fixture
def trained(bench_here, tmp_path):
    """A folder with dense, l1 and LC-Net, each trained for an epoch on the digits."""
    assert bench_here("run", "--methods", "dense,l1,lcnet", "--points", "0.4", *ARGUMENTS)[0] == 0
    return tmp_path / "runs"


def answers_of(folder, unit):
    found = {record.method: Answers.of(read_samples(path), unit) for path, record in find_records([folder]).items()}
    return {"dense": found["dense"], "l1 0.4": found["l1"], "lcnet 0.4": found["lcnet"]}


def test_cascades_of_trained_networks_keep_their_budget_and_can_be_worked_out_again(trained, bench_here):
    code, out, error = bench_here("headroom", "runs", "--budgets", "0.7,1.2,2", "--pair", "l1 0.4,dense")
    assert code == 0, error
    assert "who gains it" in out
    written = {path.name for path in (trained / "headroom").iterdir()}
    assert written == {"headroom.json", "headroom.csv", "headroom.svg", "headroom.png"}
    found = read_findings(trained / "headroom" / "headroom.json")
    unit = next(iter(find_records([trained]).values())).macs_backbone
    tests = answers_of(trained, unit)
    for row in found.cascades:
        again = cascade(tests[row.cheap], tests[row.dear], np.inf if row.threshold is None else row.threshold)
        assert (again.top1, again.mean_macs) == pytest.approx((row.top1, row.macs))
        low, high = sorted((tests[row.cheap].top1, tests[row.dear].top1))
        assert low - 1e-9 <= row.random_top1 <= high + 1e-9
    assert sum(row.chosen for row in found.cascades) == 3, "one for each budget"
    always = [row for row in found.cascades if row.budget == 2]
    assert all(row.threshold is None and row.share == 100 for row in always)
    assert {point.cheap for point in found.curve} == {"l1 0.4"} and {probe.cheap for probe in found.probes} == {
        "l1 0.4"
    }
    assert [probe.depth for probe in found.probes] == [0, 1, 2, 3]
    (lcnet,) = [row for row in found.networks if row.name == "lcnet 0.4"]
    assert not lcnet.varies or lcnet.shuffled_loss is not None
    table = pd.read_csv(trained / "headroom" / "headroom.csv")
    assert len(table[table["chosen"] == True]) == 3 and "static_p_value" in table  # noqa: E712

    code, out, error = bench_here("report", "runs")
    assert code == 0, error
    page = (trained.parent / "report" / "index.html").read_text()
    assert page.count("who gains it") == 1
    assert "headroom-digits-resnet8.svg" in out


def test_records_whose_networks_are_gone_have_oracles_only(trained, bench_here):
    for path in trained.rglob("model.safetensors"):
        path.unlink()
    code, _, error = bench_here("headroom", "runs")
    assert code == 0, error
    found = read_findings(trained / "headroom" / "headroom.json")
    assert found.oracles and not found.cascades and found.validation_images == 0
    assert any("No trained network beside the record of dense, l1 0.4, lcnet 0.4" in line for line in found.remarks)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("runs", "--budgets", "half"), "'half' is no comma-separated list of floats"),
        (("runs", "--budgets", "0"), "--budgets takes fractions"),
        (("runs", "--pair", "dense"), "--pair takes CHEAP,DEAR"),
        (("runs", "--pair", "dense,l1 0.4"), "no pair dense, l1 0.4 of one seed, the cheap one first"),
        (("runs", "--human-labels", "x.npy"), "--human-labels are about cifar10, the records about digits"),
        (("runs", "--out", "runs/file/below"), "cannot write to runs/file/below"),
        (("one",), "here is 1 valid record"),
        (("nowhere",), "no folder nowhere"),
    ],
)
def test_bad_input_is_one_line(trained_pair, bench_here, arguments, message):
    code, _, error = bench_here("headroom", *arguments)
    assert code == 2 and message in error.splitlines()[-1], error


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    return {}


@pytest.fixture
def trained_pair(tmp_path, trained_once, bench_here):
    """Two trained networks below runs/, one of them below one/; trained once for all cases."""
    if "folder" not in trained_once:
        assert bench_here("run", "--methods", "l1", "--points", "0.4", *ARGUMENTS)[0] == 0
        trained_once["folder"] = tmp_path / "runs"
    else:
        shutil.copytree(trained_once["folder"], tmp_path / "runs")
    (tmp_path / "runs" / "file").touch()
    (dense,) = (tmp_path / "runs").glob("dense-*")
    shutil.copytree(dense, tmp_path / "one" / dense.name)


def test_the_committed_records_tell_what_an_oracle_would_gain(bench_here, tmp_path):
    folder = ROOT / "results" / "cifar10-resnet20-long"
    code, _, error = bench_here("headroom", folder, "--records-only", "--out", "out")
    assert code == 0, error
    found = read_findings(tmp_path / "out" / "headroom.json")
    (pair,) = [row for row in found.oracles if (row.cheap, row.dear) == ("l1 0.41", "dense")]
    # Counted by hand from the two tables of images: 397 that only dense gets right, 227 that only l1 does.
    assert (pair.top1, round(pair.macs, 3)) == (pytest.approx(93.47), 0.426)
    names = {row.name: row for row in found.networks}
    assert names["dense"].cost_errors is None and abs(names["lcnet 0.58"].cost_errors) < 0.2
    assert all(row.cost_people is None for row in found.networks)
    assert any("cifar10h-probs.npy" in line for line in found.remarks)


def test_people_and_networks_doubt_the_same_images(bench_here, tmp_path, cifar_dir):
    labels = cifar10h.find(cifar_dir)
    if labels is None:
        pytest.skip("CIFAR-10H is not beside CIFAR-10")
    folder = ROOT / "results" / "cifar10-resnet20-long"
    code, _, error = bench_here("headroom", folder, "--records-only", "--human-labels", labels, "--out", "out")
    assert code == 0, error
    found = read_findings(tmp_path / "out" / "headroom.json")
    assert all(0.25 < row.doubt_people < 0.4 for row in found.networks)
    assert all(abs(row.cost_people) < 0.2 for row in found.networks if row.varies)


@pytest.mark.parametrize("damage", ["{", "[]", '{"schema_version": 2}', "wrong row"])
def test_damaged_findings_are_bad_input(bench_here, tmp_path, damage):
    folder = ROOT / "results" / "cifar10-resnet20-long"
    assert bench_here("headroom", folder, "--records-only", "--out", "out")[0] == 0
    path = tmp_path / "out" / "headroom.json"
    values = json.loads(path.read_text())
    values["networks"][0]["macs"] = "much"
    path.write_text(json.dumps(values) if damage == "wrong row" else damage)
    shutil.copytree(folder / "dense-cifar10-resnet20-s0-ace19471d7", tmp_path / "out" / "dense")
    code, _, error = bench_here("report", "out", "--format", "md")
    assert code == 2 and "headroom.json" in error and len(error.splitlines()) == 1
