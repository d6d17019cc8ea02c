"""Networks on shifted images: what is generated, measured, kept and shown."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from synthetic import quick_run

from bench.choices import CORRUPTIONS, SHIFTS
from bench.cli import main
from bench.data import load_data
from bench.errors import BadInput
from bench.measurement import corruptions
from bench.measurement.shifts import in_memory, shifted
from bench.measurement.watching import Replay, watch
from bench.records import conditions
from bench.report import write_report
from bench.report.stress import stress_text
from bench.zoo.stress import ShiftPlan, load_subjects, stress_shifts

OWN = tuple(name for name in SHIFTS if name not in CORRUPTIONS)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return quick_run(tmp_path_factory.mktemp("stress") / "runs", "dense,skipnet,early_exit")


@pytest.fixture(scope="module")
def few():
    return in_memory(load_data("digits", None).test, 8)


def _plan(shifts=OWN, severities=(1, 5), images=40):
    return ShiftPlan(shifts, severities, images, None, "bench stress runs")


@pytest.mark.parametrize("shift", OWN)
def test_a_shift_moves_images_further_the_more_severe_it_is(few, shift):
    data = load_data("digits", None)
    found = [shifted(few, data, shift, severity, None).split.images for severity in (1, 3, 5)]
    assert all(images.shape == few.images.shape and images.dtype == torch.uint8 for images in found)
    moved = [float((images.float() - few.images.float()).abs().mean()) for images in found]
    assert 0 < moved[0] < moved[1] < moved[2]


@pytest.fixture
def larger(few):
    """Images of 32 pixels: corruptions are not defined for smaller ones."""
    return replace(few, images=few.images.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_images_that_are_too_small_to_corrupt_are_refused(few):
    with pytest.raises(BadInput, match="32 x 32"):
        corruptions.generated(few, "frost", 2)


@pytest.mark.parametrize("corruption", ["gaussian_noise", "impulse_noise", "glass_blur", "frost"])
def test_a_corrupted_image_is_the_same_alone_and_among_others(larger, corruption):
    pytest.importorskip("imagecorruptions", reason=f"{corruptions.LIBRARY} is not installed")
    np.random.seed(3)
    following = np.random.random()
    np.random.seed(3)
    together = corruptions.generated(larger, corruption, 2)
    assert np.random.random() == following
    assert torch.equal(corruptions.generated(larger.at([5]), corruption, 2)[0], together[5])
    assert not torch.equal(together, larger.images)


def test_published_files_are_read_where_they_are(few, tmp_path, monkeypatch):
    monkeypatch.setattr(corruptions, "PUBLISHED_IMAGES", 10)
    folder = tmp_path / "CIFAR-10-C"
    folder.mkdir()
    few = few.__class__(few.images, few.labels, torch.arange(8))
    images = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), np.uint8)
    np.save(folder / "fog.npy", images)
    np.save(folder / "labels.npy", np.tile(np.append(few.labels.numpy(), [0, 0]).astype(np.uint8), 5))
    found = corruptions.published(few, "cifar10", "fog", 3, tmp_path)
    assert np.array_equal(found.permute(0, 2, 3, 1).numpy(), images[20:28])
    assert corruptions.published(few, "cifar10", "snow", 3, tmp_path) is None
    np.save(folder / "labels.npy", np.zeros(50, np.uint8))
    with pytest.raises(BadInput, match="other classes"):
        corruptions.published(few, "cifar10", "fog", 3, tmp_path)


def test_unshifted_images_are_decided_about_as_in_the_record(runs):
    subjects, data = load_subjects([runs], None, "torch")
    for subject in subjects:
        split = in_memory(data.test, 60)
        found = watch(subject.lowered, data, split)
        recorded = pd.read_parquet(runs / subject.job / "samples.parquet").head(60)
        assert (found.samples["macs"].to_numpy() == recorded["macs"].to_numpy()).all()
        replayed = Replay(subject.network, data, split, found.samples).correct(split)
        assert replayed is None or (replayed == found.samples["correct"].to_numpy()).all()
        assert (replayed is None) == (subject.record.method != "early_exit" and np.ptp(found.samples["macs"]) == 0)


def test_what_is_measured_is_kept_and_continued(runs, tmp_path, monkeypatch):
    subjects, data = load_subjects([runs], None, "torch")
    stress_shifts(subjects, data, _plan(OWN[:1], (5,)), tmp_path, lambda line: None)
    first = pd.read_csv(tmp_path / "shift.csv")
    said = []
    stress_shifts(subjects, data, _plan(OWN[:2], (5,)), tmp_path, said.append)
    both = pd.read_csv(tmp_path / "shift.csv")
    assert len(said) == 1 and said[0].startswith(OWN[1])
    pd.testing.assert_frame_equal(both.head(len(first)), first)
    assert len(both) == len(subjects) * 3 and set(both["n_test"]) == {40}
    with pytest.raises(BadInput, match="is about 40 images, not 50"):
        stress_shifts(subjects, data, _plan(images=50), tmp_path, said.append)
    samples = pd.read_parquet(tmp_path / "images" / subjects[0].job / f"{OWN[0]}-5.parquet")
    row = first[(first["job"] == subjects[0].job) & (first["severity"] == 5)].iloc[0]
    assert row["macs_mean"] == samples["macs"].mean() and row["top1"] == 100 * samples["correct"].mean()


def test_command_writes_tables_that_the_report_shows(runs, capsys):
    with pytest.raises(SystemExit) as left:
        main(["stress", str(runs), "--shift", ",".join(OWN), "--severity", "3,5", "--images", "30"])
    assert left.value.code == 0
    out = runs / "stress"
    text = (out / "stress.md").read_text()
    assert text == stress_text(out) and "does a network spend more when it knows less" in text
    assert "early\\_exit 0.5 | 5 |" in text and "The first 30 test images, severities 3, 5." in text
    write_report([runs], out / "report", ("md",))
    assert "on shifted test images" in (out / "report" / "report.md").read_text()


@pytest.mark.parametrize("arguments, word", [(("--shift", "rain"), "rain"), (("--severity", "6"), "1 to 5")])
def test_bad_options_are_one_line(tmp_path, capsys, arguments, word):
    with pytest.raises(SystemExit) as left:
        main(["stress", str(tmp_path), *arguments])
    assert left.value.code == 2 and word in (said := capsys.readouterr().err) and said.count("\n") == 1


def test_another_table_is_refused(tmp_path):
    (tmp_path / "shift.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match="no table of bench stress"):
        conditions.read_conditions(tmp_path / "shift.csv", conditions.SHIFTS)
