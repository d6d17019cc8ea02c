"""Data sets that timm reads, made here: Hugging Face's, WebDataset's and torchvision's; what is wrong is one line."""

import io
import json
import shutil
import tarfile
from importlib import import_module

import numpy as np
import pytest
import yaml
from PIL import Image

from bench.data import DataOptions, load_data
from bench.errors import BadInput
from bench.training import Trainer

TRAIN, TEST = 24, 9
TITLE = "hfds/images, 3 classes, 9 test images"


def _image(number):
    """A colour for its class in noise."""
    pixels = np.random.default_rng(number).integers(0, 120, (40, 44, 3))
    pixels[:, :, number % 3] += 120
    return Image.fromarray(pixels.astype(np.uint8))


def _jpeg(number):
    written = io.BytesIO()
    _image(number).save(written, "JPEG")
    return written.getvalue()


def _describe(folder, **values):
    (folder / "dataset.yaml").write_text(yaml.safe_dump(values))
    return folder


@pytest.fixture
def hugging_face(tmp_path):
    """Parquet files as on the Hub; the one image of a fourth class is in a split of its own."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["r", "g", "b", "x"])})
    folder = tmp_path / "data"
    for split, count in (("train", TRAIN), ("validation", TEST), ("test", 1)):
        rows = [{"bytes": _jpeg(number), "path": f"{number}.jpg"} for number in range(count)]
        labels = [3 if split == "test" else number % 3 for number in range(count)]
        data = datasets.Dataset.from_dict({"image": rows, "label": labels}, features=features)
        data.to_parquet(folder / "images" / f"{split}-00000-of-00001.parquet")
    return _describe(folder, name="hfds/images")


@pytest.fixture
def shards(tmp_path):
    """Two shards and timm's description of them."""
    pytest.importorskip("webdataset")
    splits = {}
    for split, count in (("train", TRAIN), ("validation", TEST)):
        with tarfile.open(tmp_path / f"{split}-0.tar", "w") as tar:
            for number in range(count):
                for suffix, content in (("jpg", _jpeg(number)), ("cls", str(number % 3).encode())):
                    member = tarfile.TarInfo(f"{number:04d}.{suffix}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
        splits[split] = {
            "name": split, "filenames": [f"{split}-0.tar"], "shard_lengths": [count], "num_samples": count,
        }  # fmt: skip
    (tmp_path / "_info.json").write_text(json.dumps({"splits": splits}))
    return _describe(tmp_path, name="wds/mine")


@pytest.fixture
def torchvision(tmp_path):
    for split, count in (("train", TRAIN), ("validation", TEST)):
        for number in range(count):
            (tmp_path / split / "rgb"[number % 3]).mkdir(parents=True, exist_ok=True)
            _image(number).save(tmp_path / split / "rgb"[number % 3] / f"{number:03d}.png")
    return _describe(tmp_path, name="torch/image_folder")


@pytest.fixture
def tensorflow_datasets(tmp_path):
    """As its own tools prepare a data set, in a folder by its name."""
    import_module("bench.data.sets.timm")  # and with it torchvision, which cannot be loaded behind TensorFlow
    tensorflow, tfds = pytest.importorskip("tensorflow"), pytest.importorskip("tensorflow_datasets")
    pytest.importorskip("importlib_resources")  # which writing one takes, and nothing requires
    names = tfds.features.ClassLabel(names=["r", "g", "b"])

    def split(count):
        images = np.stack([np.asarray(_image(number)) for number in range(count)])
        return tensorflow.data.Dataset.from_tensor_slices({"image": images, "label": np.arange(count) % 3})

    tfds.dataset_builders.TfDataBuilder(
        name="mine",
        version="1.0.0",
        data_dir=tmp_path,
        split_datasets={"train": split(TRAIN), "validation": split(TEST)},
        features=tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(None, None, 3)), "label": names}),
    ).download_and_prepare()
    return _describe(tmp_path, name="tfds/mine")


def _load(folder, **options):
    return load_data("timm", folder, DataOptions(**{"workers": 0, "train_size": 32} | options))


@pytest.mark.parametrize("kind", ["hugging_face", "shards", "torchvision", "tensorflow_datasets"])
def test_splits_are_those_of_timm_and_validation_is_drawn_from_each_class(kind, request):
    folder = request.getfixturevalue(kind)
    data = _load(folder)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [TRAIN - 3, 3, TEST]
    assert data.validation.labels.tolist() == [0, 1, 2] and data.test.labels.bincount().tolist() == [3, 3, 3]
    for label in (0, 1, 2):
        image = data.test.images[data.test.labels == label].float().mean(dim=(0, 2, 3))
        named = {"r": 0, "0": 0, "g": 1, "1": 1, "b": 2, "2": 2}[data.classes[label]]
        assert image.argmax() == named, "an image stands under another class's name"
    before = data.fingerprint()
    assert _load(folder).fingerprint() == before and "splits train and validation" in data.note
    shutil.rmtree(folder / ".bench")  # unpacked anew, it is the same
    assert _load(folder).fingerprint() == before


def test_a_run_is_continued_and_reported_under_the_name_that_timm_has(hugging_face, bench_here, tmp_path, monkeypatch):
    small = ("--batch-size", "6", "--micro-batch", "3", "--loader-workers", "0", "--no-timing", "--train-size", "32")
    of = ("--dataset", "timm", "--data-dir", hugging_face, "--backbone", "resnet18", "--methods", "dense")
    with monkeypatch.context() as context:
        context.setattr("bench.runs.phases.testing.evaluate", None)  # interrupted behind the training
        assert bench_here("run", *of, *small, "--epochs", "1")[0] != 0
    monkeypatch.setattr(Trainer, "train_epoch", None)
    shutil.rmtree(hugging_face / "images")  # what was unpacked is enough
    code, _, error = bench_here("run", *of, *small, "--epochs", "1")
    assert code == 0, error
    for path in (tmp_path / "runs").glob("*/record.json"):
        record = json.loads(path.read_text())
        assert (record["dataset"], record["n_test"], record["reported_top1"]) == ("timm", TEST, None)
        assert record["details"]["data"]["title"] == TITLE
    assert TITLE in (tmp_path / "runs" / "report" / "report.md").read_text()


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ({"name": "food101"}, "dataset.yaml: 'food101' begins with none of hfds/, wds/, tfds/, torch/"),
        ({"name": "torch/nothing"}, "torch/nothing cannot be read by timm: Unknown torchvision dataset nothing"),
        ({"name": "hfds/images", "test": "val"}, 'hfds/images cannot be read by timm: Unknown split "val"'),
        ({"name": "hfds/images", "train": "test", "test": "test"}, "hfds/images holds one class (x)"),
        ({"name": "hfds/images", "test": "test"}, "/val/00000 is missing; train has it"),
        ({"name": "hfds/images", "target_key": "image"}, "image 0 of split train of hfds/images has no one class"),
        ({"names": "hfds/images"}, "dataset.yaml describes no data set ("),
        ({"name": 3}, "dataset.yaml describes no data set (name is 3"),
    ],
)
def test_what_is_no_data_set_is_told_in_one_line(hugging_face, bench_here, described, says):
    _describe(hugging_face, **described)
    code, _, error = bench_here("run", "--methods", "dense", "--dataset", "timm", "--data-dir", hugging_face)
    assert code == 2 and error.count("\n") == 1 and says in error
    assert not list((hugging_face / ".bench").glob("*/classes.json")) or "class" in says or "val/" in says


@pytest.mark.parametrize("missing", ["tensorflow_datasets", "tensorflow"])
def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch, missing):
    monkeypatch.setattr("bench.data.sets.timm.find_spec", lambda name: None if name == missing else name)
    with pytest.raises(BadInput, match=f"tfds/mnist is read by the package {missing}, which is not installed"):
        _load(_describe(tmp_path, name="tfds/mnist"))


def test_a_reader_that_has_much_to_say_is_cut_short(hugging_face):
    with pytest.raises(BadInput) as raised:
        _load(_describe(hugging_face, name="hfds/images", test="no_such_split" * 100))
    assert len(str(raised.value)) < 400 and str(raised.value).endswith(" ...")


def test_images_that_timm_would_pass_over_are_missed(shards, bench_here):
    content = bytearray((shards / "train-0.tar").read_bytes())
    start = content.index(b"\xff\xd8\xff")
    content[start : start + 300] = bytes(300)
    (shards / "train-0.tar").write_bytes(content)
    code, _, error = bench_here("run", "--methods", "dense", "--dataset", "timm", "--data-dir", shards)
    assert code == 2 and "23 of the 24 images of split train of wds/mine could be read" in error
    assert error.count("\n") == 1
