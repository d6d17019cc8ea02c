"""``bench run --dataset folder`` on images of one's own: trained, continued and reported under the folder's name."""

import json

from folders import divided, image_folders, whole

from bench.data import DataSet, load_data
from bench.training import Trainer

__all__ = ["divided", "image_folders", "whole"]
TITLE = "folder animals, 3 classes, 9 test images"
RUN = ("run", "--dataset", "folder", "--backbone", "resnet18", "--methods", "dense", "--train-size", "32")
SMALL = ("--batch-size", "6", "--micro-batch", "3", "--loader-workers", "0", "--no-timing")


def test_it_is_trained_continued_and_reported(whole, bench_here, tmp_path, monkeypatch):
    command = (*RUN, *SMALL, "--epochs", "1", "--data-dir", whole)
    with monkeypatch.context() as context:  # interrupted behind the training of the dense network
        context.setattr(DataSet, "require_trainable", lambda self: None)
        broken = whole / load_data("folder", whole).test.names[0]
        content = broken.read_bytes()
        broken.write_bytes(content[:300])
        assert bench_here(*command)[0] == 2
    assert list(tmp_path.glob("runs/dense-folder-resnet18-*/checkpoint-1.pt"))
    broken.write_bytes(content)
    monkeypatch.setattr(Trainer, "train_epoch", None)  # nothing is trained again
    code, out, error = bench_here(*command)
    assert code == 0, error
    assert TITLE in " ".join(out.split())
    for path in (tmp_path / "runs").glob("*/record.json"):
        record = json.loads(path.read_text())
        assert record["dataset"] == "folder" and record["n_test"] == 9 and record["reported_top1"] is None
        assert record["details"]["data"]["outputs"] == 3 and record["details"]["data"]["title"] == TITLE
    headings = [
        line for line in (tmp_path / "runs" / "report" / "report.md").read_text().splitlines() if line[:1] == "#"
    ]
    assert headings and all(TITLE in line for line in headings)


def test_other_images_never_stand_beside_these(divided, whole, bench_here, tmp_path):
    untrained = ("--epochs", "0", "--data-dir")
    (divided / "val").rename(tmp_path / "others")
    code, _, error = bench_here(*RUN, *SMALL, *untrained, whole)
    assert code == 0, error
    code, _, error = bench_here(*RUN, *SMALL, *untrained, tmp_path / "others")
    assert code == 2 and "was made from other images" in error and error.count("\n") == 1
