"""Attacks on the cost: within their bound, on the cost that the skipping execution has, and with control networks."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from synthetic import quick_run

from bench.cli import main
from bench.measurement.attack import Ascent, _attached, costly_images, noisy_images, universal_images
from bench.measurement.shifts import in_memory
from bench.measurement.watching import watch
from bench.zoo.stress import load_subjects

RESULTS = Path(__file__).parents[2] / "results" / "cifar10-resnet20"
ASCENT = Ascent(epsilon=6, steps=4, restarts=2)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return quick_run(tmp_path_factory.mktemp("attack") / "runs", "dense,lcnet,early_exit")


@pytest.fixture(scope="module")
def subjects(runs):
    found, data = load_subjects([runs], None, "torch")
    by_method = {subject.record.method: subject for subject in found}
    exits = by_method["early_exit"].network
    with torch.no_grad():  # untrained answers are never sure: here some images stop
        given = exits(data.normalise(data.test.first(40).images)).exits.given
        exits.rule.thresholds.copy_(torch.stack([exits.rule.score(given[:n]).median() for n in range(1, len(given))]))
    return by_method, data, in_memory(data.test, 40)


@pytest.mark.parametrize("method", ["lcnet", "early_exit"])
def test_images_stay_within_the_bound_and_no_image_becomes_cheaper(subjects, method):
    by_method, data, few = subjects
    network = by_method[method].network
    found = {
        "cost": costly_images(network, data, few, ASCENT),
        "universal": universal_images(network, data, data.validation.first(40), few, ASCENT),
        "noise": noisy_images(few, ASCENT),
    }
    for images in found.values():
        assert images.dtype == torch.uint8 and images.shape == few.images.shape
        assert int((images.int() - few.images.int()).abs().max()) <= ASCENT.epsilon
    costs = [watch(network, data, split).samples["macs"] for split in (few, replace(few, images=found["cost"]))]
    assert (costs[1] >= costs[0]).all()


def test_pulling_scores_below_their_thresholds_makes_images_dearer(subjects):
    by_method, data, few = subjects
    network = by_method["early_exit"].network
    before = watch(network, data, few).samples
    after = watch(network, data, replace(few, images=costly_images(network, data, few, ASCENT))).samples
    assert after["macs"].mean() > 1.1 * before["macs"].mean()


def test_a_static_network_cannot_be_attacked(subjects):
    by_method, data, few = subjects
    network = by_method["dense"].network
    for images in (costly_images(network, data, few, ASCENT, True), universal_images(network, data, few, few, ASCENT)):
        assert torch.equal(images, few.images)


def test_gradients_pass_where_gates_detach_their_inputs():
    x = torch.ones(2, requires_grad=True)
    assert not x.detach().requires_grad
    with _attached():
        (slope,) = torch.autograd.grad((3 * x.detach()).sum(), x)
    assert slope.tolist() == [3, 3]


def test_the_saving_of_a_shipped_skipnet_does_not_survive(cifar_dir):
    (folder,) = RESULTS.glob("skipnet-*-p0.6-s0-*")
    (subject,), data = load_subjects([folder], cifar_dir, "torch")
    few = in_memory(data.test, 8)
    made = replace(few, images=costly_images(subject.network, data, few, Ascent(steps=10), keep=True))
    before, after = (watch(subject.lowered, data, split).samples for split in (few, made))
    assert (after["prediction"] == before["prediction"]).all()
    assert 1 - after["macs"].mean() / subject.record.macs_backbone < 0.6 * (
        1 - before["macs"].mean() / subject.record.macs_backbone
    )


def test_rows_say_what_is_left_and_what_passes_on(runs, tmp_path, capsys):
    two = [str(job) for job in sorted(runs.iterdir()) if job.name.startswith(("dense", "early_exit"))]
    arguments = ["stress", *two, "--attack", "cost,universal", "--images", "20", "--steps", "2", "--epsilon", "4"]
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--out", str(tmp_path)])
    assert left.value.code == 0 and "shift.csv" not in capsys.readouterr().out
    rows = pd.read_csv(tmp_path / "attack.csv")
    own = rows[rows["attacked"] == rows["job"]]
    assert set(own["attack"]) == {"cost", "universal"} and len(own) == 4
    assert (own["counted"] == 2).all() and (own["counted_difference"] == 0).all()
    assert (rows["moved"] <= 4).all() and (own.loc[own["method"] == "dense", "moved"] == 0).all()
    assert not (rows["attacked"].isin(rows.loc[rows["method"] == "dense", "job"]) & (rows["method"] != "dense")).any()
    text = (tmp_path / "stress.md").read_text()
    assert "L∞ 4/255, 2 steps of 2/255, 1 restart." in text and "2: 0" in text
    with pytest.raises(SystemExit) as left:
        main([*arguments[:-1], "5", "--out", str(tmp_path)])
    assert left.value.code == 2 and "is about epsilon 4, not 5" in capsys.readouterr().err
