"""``bench run --dataset imagenet`` on a handful of images: a record, its label everywhere, clear refusals."""

import json

import pytest
from folders import SYNSETS, image_folders

from bench.choices import FORMATS
from bench.data.dataset import DataSet
from bench.report import write_report
from bench.training import Trainer

__all__ = ["image_folders"]
TITLE = "imagenet, 3-class subset, 18 test images"
RUN = ("run", "--dataset", "imagenet", "--backbone", "resnet18", "--methods", "dense,shallow", "--train-size", "32")
SMALL = ("--batch-size", "6", "--micro-batch", "3", "--loader-workers", "1", "--no-timing")


def test_a_subset_is_named_as_one_in_every_table_and_plot(image_folders, bench_here, tmp_path):
    code, out, error = bench_here(*RUN, *SMALL, "--data-dir", image_folders)
    assert code == 0, error
    assert TITLE in " ".join(out.split()) and "peak memory" in out and "images/s by 1 workers" in out
    for path in (tmp_path / "runs").glob("*/record.json"):
        record = json.loads(path.read_text())
        assert record["dataset"] == "imagenet" and record["n_test"] == 18 and record["reported_top1"] is None
        assert record["details"]["resources"]["loader"]["images"] >= 18
        assert record["details"]["resources"]["peak_memory_bytes"] > 2**20
        assert (
            record["details"]["config"]["train_size"] == 32 and "trained at 32 px" in record["details"]["data"]["note"]
        )

    files = write_report([tmp_path / "runs"], tmp_path / "report", FORMATS, data_dir=image_folders)
    plots = [path for path in files if path.suffix == ".svg"]
    assert len(plots) >= 3
    for path in plots:
        assert f"{TITLE} / resnet18" in path.read_text(), path  # matplotlib writes each text beside its outlines
    texts = {path.name: path.read_text() for path in files if path.suffix in (".md", ".csv", ".tex", ".html")}
    headings = [line for line in texts["report.md"].splitlines() if line.startswith("### ")]
    assert len(headings) >= 3 and all(TITLE in line for line in headings)
    captions = [line for line in texts["tables.tex"].splitlines() if "caption{" in line]
    assert len(captions) == len(headings) and all(TITLE in line for line in captions)
    assert all(TITLE in row for row in texts["table.csv"].splitlines()[1:])
    assert texts["index.html"].count(f"{TITLE} / resnet18") >= len(headings)


def test_a_corrupt_training_image_ends_the_run_with_one_line(image_folders, bench_here):
    broken = image_folders / "train" / SYNSETS[0]
    for path in broken.iterdir():
        path.write_bytes(path.read_bytes()[:200])
    code, _, error = bench_here(*RUN, *SMALL, "--data-dir", image_folders)
    assert code == 2 and error.count("\n") == 1 and "is no image that can be read" in error and SYNSETS[0] in error


def test_a_corrupt_test_image_is_told_before_training(image_folders, bench_here, tmp_path):
    _break(image_folders)
    code, _, error = bench_here(*RUN, *SMALL, "--data-dir", image_folders)
    assert code == 2 and error.count("\n") == 1 and "ILSVRC2012_val_2.JPEG is no image that can be read" in error
    assert not list(tmp_path.glob("runs/*/checkpoint*"))


def test_mending_a_test_image_keeps_the_training(image_folders, bench_here, tmp_path, monkeypatch):
    """Here it breaks while the network is trained."""
    command = _with("--methods", "dense", "--epochs", "1", "--data-dir", image_folders)
    whole = _break(image_folders)
    with monkeypatch.context() as context:
        context.setattr(DataSet, "require_trainable", lambda self: None)
        assert bench_here(*command)[0] == 2
    assert list(tmp_path.glob("runs/*/checkpoint-1.pt"))
    (image_folders / "val" / SYNSETS[1] / "ILSVRC2012_val_2.JPEG").write_bytes(whole)
    monkeypatch.setattr(Trainer, "train_epoch", None)
    code, _, error = bench_here(*command)
    assert code == 0, error


def _with(*arguments):
    """The usual command line with some options in place of its own."""
    usual = (*RUN[1:], *SMALL[:-1])
    options = dict(zip(usual[::2], usual[1::2])) | dict(zip(arguments[::2], arguments[1::2]))
    return "run", *(word for option in options.items() for word in option), SMALL[-1]


def _break(folder):
    """Cuts a test image short; returns it as it was."""
    path = folder / "val" / SYNSETS[1] / "ILSVRC2012_val_2.JPEG"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return content


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--backbone", "resnet20"), "unknown ImageNet backbone 'resnet20'"),
        (("--micro-batch", "4"), "batch_size 6 is no multiple of micro_batch 4"),
        (("--train-size", "7"), "train_size must be from 32"),
        (("--batch-size", "300"), "do not fill one batch of 300"),
        (("--dataset", "digits", "--backbone", "resnet8"), "train_size is for images in files"),
        (
            ("--dataset", "digits", "--backbone", "resnet8", "--backbone-weights", "timm", "--train-size", "0"),
            "timm is for",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(image_folders, bench_here, arguments, says):
    code, _, error = bench_here(*_with(*arguments), "--data-dir", image_folders)
    assert code == 2 and says in error and error.count("\n") == 1
