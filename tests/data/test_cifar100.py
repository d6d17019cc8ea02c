"""CIFAR-100 in its official format, in miniature: loaded, fetched and run; damage is one line."""

import hashlib
import json
import pickle
import tarfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from torchvision.datasets import CIFAR100

from bench.data import download_data, load_data
from bench.errors import BadInput

TRAIN, TEST = 200, 80


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """200 and 80 images of 100 classes, as files and in an archive; torchvision finds it and knows its checksums."""
    folder = tmp_path / "made" / CIFAR100.base_folder
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name, count in (("train", TRAIN), ("test", TEST)):
        pixels = generator.integers(0, 256, (count, 3072), dtype=np.uint8)
        labels = [number % 100 for number in range(count)]
        _write(
            folder / name, {"data": pixels, "fine_labels": labels, "coarse_labels": [label // 5 for label in labels]}
        )
    _write(folder / "meta", {"fine_label_names": [f"thing {number}" for number in range(100)]})
    packed = tmp_path / CIFAR100.filename
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(folder, CIFAR100.base_folder)
    monkeypatch.setattr(CIFAR100, "train_list", [["train", _md5(folder / "train")]])
    monkeypatch.setattr(CIFAR100, "test_list", [["test", _md5(folder / "test")]])
    monkeypatch.setattr(CIFAR100, "meta", CIFAR100.meta | {"md5": _md5(folder / "meta")})
    monkeypatch.setattr(CIFAR100, "tgz_md5", _md5(packed))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path)) as server:
        Thread(target=server.serve_forever).start()
        monkeypatch.setattr(CIFAR100, "url", f"http://127.0.0.1:{server.server_port}/{packed.name}")
        yield folder.parent
        server.shutdown()


def _write(path, content):
    path.write_bytes(pickle.dumps(content))


def _md5(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_a_tenth_of_the_training_images_is_for_validation(archive):
    data = load_data("cifar100", archive)
    assert (len(data.train), len(data.validation), len(data.test)) == (180, 20, TEST)
    assert data.classes[7] == "thing 7" and data.train.images.shape == (180, 3, 32, 32)
    assert not set(data.train.indices.tolist()) & set(data.validation.indices.tolist())
    assert data.note == "180 training and 20 validation images (seed 0), official 80 test images"


def test_it_is_fetched_trained_continued_and_reported(archive, bench_here, tmp_path):
    options = "--dataset cifar100 --backbone resnet8-w0.25 --epochs 1 --batch-size 20 --no-timing --download".split()
    command = ("run", "--methods", "dense", *options, "--data-dir", tmp_path / "fetched")
    code, _, error = bench_here(*command)
    assert code == 0, error
    assert (tmp_path / "fetched" / CIFAR100.base_folder / "train").is_file()
    records = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/record.json")]
    assert records and all(record["dataset"] == "cifar100" and record["n_test"] == TEST for record in records)
    assert all(record["details"]["data"]["outputs"] == 100 for record in records)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*/record.json")}
    assert bench_here(*command)[0] == 0  # done: nothing is made again
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "cifar100" in (tmp_path / "runs" / "report" / "report.md").read_text()


def test_what_is_damaged_or_missing_is_one_line(archive, tmp_path, monkeypatch):
    monkeypatch.setattr(CIFAR100, "tgz_md5", "0" * 32)
    with pytest.raises(BadInput, match=r"CIFAR-100 cannot be downloaded \(RuntimeError: File not found or corrupted"):
        download_data("cifar100", tmp_path / "fetched")
    with pytest.raises(BadInput, match="--download needs a folder"):
        download_data("cifar100", None)
    with pytest.raises(BadInput, match="the images of imagenet cannot be downloaded from here"):
        download_data("imagenet", tmp_path)
    with pytest.raises(BadInput, match=r"no CIFAR-100 in .*cifar-100-python in it"):
        load_data("cifar100", tmp_path / "fetched")
    with (archive / CIFAR100.base_folder / "test").open("ab") as file:
        file.write(b"more")
    with pytest.raises(BadInput, match=r"CIFAR-100 in .* is incomplete or corrupt"):
        load_data("cifar100", archive)
