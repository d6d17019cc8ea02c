"""``bench run`` end to end: records, tables, resuming, refusals."""

import json
import shutil
import signal
import time

import pandas as pd
import pytest
import torch
from program import end, start_in

from bench.measurement.evaluation import evaluate
from bench.networks.backbones import build_backbone, load_weights
from bench.networks.network import DynamicNetwork
from bench.records import TABLE_COLUMNS, find_records, read_samples
from bench.training import selection_key

SMALL = ("--backbone", "resnet8-w0.25", "--epochs", "2", "--backbone-epochs", "2", "--no-timing")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Folder of a run in a process of its own, and what it said."""
    folder = tmp_path_factory.mktemp("undisturbed")
    finished = end(start_in(folder, "run", "--methods", "lcnet", *SMALL))
    assert finished.returncode == 0, finished.stderr
    return folder, finished.stdout


def test_a_run_makes_whole_records_and_a_table(undisturbed, bench_here, monkeypatch):
    folder_of_run, said = undisturbed
    for word in ("dense", "lcnet", "report", "records: runs/"):
        assert word in said
    records = find_records([folder_of_run / "runs"])
    assert sorted(record.method for record in records.values()) == ["dense", "lcnet"]
    for folder, record in records.items():
        samples = read_samples(folder)
        assert len(samples) == record.n_test == 500 and not samples["index"].duplicated().any()
        assert record.top1 == pytest.approx(100 * (samples["label"] == samples["prediction"]).mean())
        assert record.macs_mean == samples["macs"].mean() and record.gate_macs_mean == samples["gate_macs"].mean()
        assert {path.name for path in folder.iterdir()} == {
            "record.json",
            "samples.parquet",
            "model.safetensors",
            "train.csv",
        }
        assert len(pd.read_csv(folder / "train.csv")) == 2
        assert record.details["config"]["epochs"] == 2 and record.command.startswith("bench run --methods")
    table = pd.read_csv(folder_of_run / "runs" / "report" / "table.csv")
    assert list(table.columns) == list(TABLE_COLUMNS) and len(table) == 2

    monkeypatch.chdir(folder_of_run)
    assert bench_here("run", "--methods", "lcnet", *SMALL)[0] == 0
    assert find_records([folder_of_run / "runs"]) == records  # finished jobs are kept, not repeated


def test_a_killed_run_continues_to_the_same_record(undisturbed, bench_here, start, tmp_path):
    """SIGKILL while training LC-Net, then the same command: bit for bit the record of an undisturbed run."""
    command = ("run", "--methods", "lcnet", *SMALL)
    process = start(*command, "--out", "killed")
    deadline = time.monotonic() + 300
    while not list((tmp_path / "killed").glob("lcnet-*/checkpoint-1.pt")):
        assert process.poll() is None and time.monotonic() < deadline, "no checkpoint was ever written"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not list((tmp_path / "killed").glob("lcnet-*/record.json"))

    assert bench_here(*command, "--out", "killed")[0] == 0
    for folder in (undisturbed[0] / "runs").glob("*-digits-*"):
        other = tmp_path / "killed" / folder.name
        pd.testing.assert_frame_equal(read_samples(folder), read_samples(other))
        assert (folder / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
        first, second = (json.loads((one / "record.json").read_text()) for one in (folder, other))
        for record in (first, second):
            record.pop("created_utc"), record.pop("command")
            record["details"].pop("resources")  # peak memory is measured, and no two processes need the same
        assert first == second


def test_of_several_trials_validation_chooses_one(bench_here, tmp_path):
    short = ("--backbone", "resnet8", "--epochs", "1", "--no-timing")
    code, _, error = bench_here("run", "--methods", "lnet", *short, "--trials", "2")
    assert code == 0, error
    for folder, record in find_records([tmp_path / "runs"]).items():
        history = pd.read_csv(folder / "train.csv")
        assert history["learning_rate_factor"].tolist() == [1.0, 0.5]
        best = max(history.to_dict("records"), key=lambda row: selection_key(row, record.point))
        assert record.details["learning_rate_factor"] == best["learning_rate_factor"]
        assert not list(folder.glob("checkpoint*"))


def test_label_smoothing_reaches_training_and_the_id(bench_here, tmp_path):
    tiny = ("--methods", "dense", "--backbone", "resnet8-w0.25", "--epochs", "1", "--no-timing")
    for smoothing in ("0", "0.5"):
        assert bench_here("run", *tiny, "--label-smoothing", smoothing, "--out", "both")[0] == 0
    losses = {}
    for folder, record in find_records([tmp_path / "both"]).items():
        config = record.details["config"]
        losses[config["label_smoothing"]] = pd.read_csv(folder / "train.csv")["loss"][0]
        assert config["method_version"] == 1
    assert losses[0.5] > losses[0]
    assert bench_here("run", *tiny, "--label-smoothing", "1.5")[0] == 2


def test_timing_stands_beside_theory_by_default(bench_here, tmp_path):
    torch.set_num_threads(1)  # two would wait for each other wherever other tests hold one of two cores
    code, _, error = bench_here("run", "--methods", "dense", "--backbone", "resnet8", "--epochs", "0")
    assert code == 0, error
    ((folder, record),) = find_records([tmp_path / "runs"]).items()
    assert 0 < record.latency_ms_p50 <= record.latency_ms_p99 and record.speedup_theoretical == 1
    assert record.details["timing"]["dense_form_latency"]
    # Dense against itself; wide, since something else may run on the other core.
    assert 0.5 < record.speedup_latency_same_executor < 2
    assert (folder / "times.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--methods", "nosuch"), "unknown method 'nosuch': choose from a_vit, bas"),
        (("--methods", "lcnet", "--points", "1.7"), "an operating point is a fraction"),
        (("--methods", "lcnet", "--points", "abc"), "no comma-separated list"),
        (("--methods", "lcnet", "--backbone", "resnet21"), "depth must be 6n+2"),
        (("--methods", "dense", "--dataset", "cifar10"), "--data-dir"),
        (("--methods", "dense", "--dataset", "cifar10", "--data-dir", "nowhere"), "nowhere: give --data-dir"),
        (("--methods", "dense", "--backbone-weights", "nothing.th"), "cannot read nothing.th"),
        (("--methods", "dense", "--device", "cuda"), "no usable CUDA"),
        (("--methods", "dense", "--epochs", "-1"), "-1"),
        (("--suite", "nosuch"), "no suite 'nosuch'"),
        ((), "say what to run"),
        (("--nosuch",), "--nosuch"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(bench_here, arguments, says):
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    code, out, error = bench_here("run", *arguments)
    assert code == 2
    assert len(error.strip().splitlines()) == 1 and says in error
    assert out == ""


@pytest.mark.parametrize("text", ["methods: [", "- 1", "methods: [lcnet]\nmethdos: 1", "methods: 7", "methods: []"])
def test_broken_suite_files(bench_here, tmp_path, text):
    (tmp_path / "suite.yaml").write_text(text)
    code, _, error = bench_here("run", "--suite", "suite.yaml")
    assert code == 2 and len(error.strip().splitlines()) == 1


def test_truncated_cifar_file_and_wrong_depth(bench_here, tmp_path, cifar_dir, public_weights):
    shutil.copytree(cifar_dir / "cifar-10-batches-py", tmp_path / "data" / "cifar-10-batches-py")
    cifar = ("run", "--methods", "dense", "--dataset", "cifar10", "--epochs", "0", "--data-dir")
    code, _, error = bench_here(*cifar, cifar_dir, "--backbone", "resnet56", "--backbone-weights", public_weights[20])
    assert code == 2 and "does not hold weights of resnet56" in error and len(error.strip().splitlines()) == 1

    batch = tmp_path / "data" / "cifar-10-batches-py" / "test_batch"
    batch.chmod(0o644)
    batch.write_bytes(batch.read_bytes()[:-1])
    code, _, error = bench_here(*cifar, "data")
    assert code == 2 and "incomplete or corrupt" in error and len(error.strip().splitlines()) == 1


def test_public_weights_reproduce_their_accuracy(bench_here, tmp_path, cifar_dir, public_weights):
    data = ("--dataset", "cifar10", "--data-dir", cifar_dir)
    start = ("--backbone", "resnet20", "--backbone-weights", public_weights[20], "--epochs", "0")
    code, _, error = bench_here("run", "--methods", "dense", *data, *start, "--no-timing")
    assert code == 0, error
    (record,) = find_records([tmp_path / "runs"]).values()
    assert record.top1 == 91.73 and record.n_test == 10_000 and "may be optimistic" in record.details["start"]
    assert record.macs_mean == 40_551_040 and record.macs_std == 0 and record.gate_macs_mean == 0


def test_public_weights_of_a_deep_network_on_some_images(cifar10, public_weights):
    """1,000 images: their accuracy is within four standard deviations (0.8 points each) of that of all, 93.39 %."""
    backbone = build_backbone("resnet56", classes=10)
    load_weights(backbone, public_weights[56])
    samples = evaluate(DynamicNetwork(backbone), cifar10, cifar10.test.first(1000)).samples
    assert (samples["macs"] == 125_485_696).all()
    assert 100 * samples["correct"].mean() == pytest.approx(93.39, abs=3.2)


def test_given_weights_are_known_by_the_record_beside_them(bench_here, tmp_path):
    tiny = ("--backbone", "resnet8-w0.25", "--no-timing", "--epochs", "0")
    assert bench_here("run", "--methods", "dense", *tiny, "--out", "first")[0] == 0
    (folder,) = find_records([tmp_path / "first"])
    weights = folder / "model.safetensors"
    assert bench_here("run", "--methods", "dense", *tiny, "--backbone-weights", weights, "--out", "known")[0] == 0
    (known,) = find_records([tmp_path / "known"]).values()
    assert f"which are job {folder.name}'s (train 0)" in known.details["start"]

    (tmp_path / "away.safetensors").write_bytes(weights.read_bytes())
    away = ("--backbone-weights", "away.safetensors", "--out", "unknown")
    assert bench_here("run", "--methods", "dense", *tiny, *away)[0] == 0
    (unknown,) = find_records([tmp_path / "unknown"]).values()
    assert "does not know" in unknown.details["start"]
