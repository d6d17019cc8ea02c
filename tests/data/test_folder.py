"""A folder of images: any classes, as they were divided or divided here; what is wrong with it is one line."""

import shutil

import pytest
import torch
from folders import CLASSES, TEST, TRAIN

from bench.data import DataOptions, load_data
from bench.errors import BadInput


def _load(folder, **options):
    return load_data("folder", folder, DataOptions(**{"workers": 0, "train_size": 32} | options))


def test_a_given_division_is_kept(divided):
    data = _load(divided)
    assert data.classes == tuple(sorted(CLASSES)) and data.is_subset
    assert (len(data.train), len(data.validation), len(data.test)) == (3 * (TRAIN - 1), 3, 3 * TEST)
    assert data.title == "folder three-classes, 3 classes, 18 test images"
    assert data.test.labels.tolist() == sorted(list(range(3)) * TEST)
    assert "as given" in data.note and "39 training, 3 validation and 18 test images" in data.note
    data.require_trainable()


def test_one_folder_is_divided_once_and_for_all(whole):
    data = _load(whole)
    splits = (data.train, data.validation, data.test)
    assert [len(split) for split in splits] == [30, 3, 9]
    for split in splits:
        assert split.labels.bincount().tolist() == [len(split) // 3] * 3  # stratified
    indices = torch.cat([split.indices for split in splits])
    assert sorted(indices.tolist()) == list(range(3 * TRAIN))
    everything = sorted(f"{path.parent.name}/{path.name}" for path in whole.glob("*/*"))
    assert [everything[index] for index in data.test.indices] == data.test.names
    assert _load(whole).fingerprint() == data.fingerprint() and "drawn" in data.note


def test_labels_and_contents_are_in_the_fingerprint(whole):
    before = _load(whole).fingerprint()
    (whole / "tench").rename(whole / "another name")
    assert _load(whole).fingerprint() != before


def _one_class(folder):
    for name in ("organ", "tench"):
        shutil.rmtree(folder / name)


def _empty_class(folder):
    for path in (folder / "organ").iterdir():
        path.unlink()


def _two_images(folder):
    for path in sorted((folder / "organ").iterdir())[2:]:
        path.unlink()


def _empty_file(folder):
    (folder / "organ" / "n02102040_0.JPEG").write_bytes(b"")


def _no_class(folder):
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_one_class, "animals holds one class (cocker spaniel): there is nothing to tell apart"),
        (_empty_class, "class folder {}/organ holds no images"),
        (_two_images, "class folder {}/organ holds 2 images: it takes 3 to divide them"),
        (_empty_file, "n02102040_0.JPEG is no image that can be read: it is empty"),
        (_no_class, "{} holds no class folders"),
        (shutil.rmtree, "no folder {}: give --data-dir DIR with train/<class>/"),
        (lambda folder: (folder / "train").mkdir(), "{}/val is missing"),
        (lambda folder: (folder / "lost").symlink_to("nowhere"), "{}/lost is a link that leads nowhere"),
    ],
)
def test_what_is_no_data_set_is_told_in_one_line(whole, bench_here, damage, says):
    damage(whole)
    code, _, error = bench_here("run", "--methods", "dense", "--dataset", "folder", "--data-dir", whole)
    assert code == 2 and error.count("\n") == 1 and says.format(whole) in error


def test_splits_of_other_classes_are_refused(divided):
    shutil.rmtree(divided / "val" / "organ")
    with pytest.raises(BadInput, match=r"class folder .*/val/organ is missing; train has it"):
        _load(divided)
    with pytest.raises(BadInput, match="folder: give --data-dir DIR"):
        _load(None)
