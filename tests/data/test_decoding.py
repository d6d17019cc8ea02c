"""Images that are none, or would not be shown as they were meant, are refused by their names before any training."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from folders import SYNSETS
from PIL import Image

from bench.data import DataOptions, load_data
from bench.errors import BadInput

FEW = {"workers": 0, "train_size": 32}


def _load(folder, **options):
    return load_data("imagenet", folder, DataOptions(**FEW | options))


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _blank_end(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


def _thin(path: Path) -> None:
    Image.new("RGB", (1, 65_000)).save(path, "JPEG")


def _deep(path: Path) -> None:
    Image.fromarray(np.full((40, 40), 40_000, np.uint16)).save(path, "PNG")


def _floating(path: Path) -> None:
    Image.fromarray(np.full((40, 40), 0.5, np.float32)).save(path, "TIFF")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_half, "image file is truncated"),
        (_blank_end, "its end is nothing but zeros"),
        (_thin, "1 x 65,000 pixels, one side over 100 times the other"),
        (_deep, r"more than 8 bits for each colour \(mode I;16\)"),
        (_floating, r"more than 8 bits for each colour \(mode F\)"),
        (lambda path: path.write_bytes(bytes(1000)), "it is of no known format"),
        (_folder, "Is a directory"),
    ],
)
@pytest.mark.parametrize("split", ["val", "validation"])
def test_an_image_that_comes_last_is_refused_first(image_folders, damage, says, split):
    data = _load(image_folders)
    chosen = data.test if split == "val" else data.validation
    damage(chosen.root / chosen.names[1])
    with pytest.raises(BadInput, match=f"{chosen.names[1]} is no image that can be read: {says}") as raised:
        data.require_trainable()
    assert "\n" not in str(raised.value)
    with pytest.raises(BadInput, match=says):
        list(chosen.batches(50))


def test_headers_of_training_images_are_looked_at(image_folders):
    data = _load(image_folders)
    _thin(data.train.root / data.train.names[4])
    with pytest.raises(BadInput, match="65,000 pixels"):
        data.require_trainable()


def test_sound_images_pass_in_workers_too_and_several_bad_ones_are_counted(image_folders):
    data = _load(image_folders, workers=1)
    data.require_trainable()
    for name in data.test.names[3:6]:
        _half(data.test.root / name)
    with pytest.raises(BadInput, match=r"one of at least 3 such images"):
        _load(image_folders, workers=1).require_trainable()


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "RGBA", "LA"])
def test_modes_that_keep_their_values_are_taken(image_folders, mode):
    """ImageNet itself has grey and CMYK images, and one PNG."""
    path = image_folders / "val" / SYNSETS[0] / "ILSVRC2012_val_1.JPEG"
    Image.new(mode, (100, 1)).save(path, "TIFF" if mode == "CMYK" else "PNG")
    assert len(_load(image_folders).test.images) == 18


def test_a_training_depends_on_training_and_validation_images_alone(image_folders):
    before = _fingerprints(image_folders)
    for split, stays in (("test", True), ("validation", False), ("train", False)):
        chosen = getattr(_load(image_folders), split)
        Image.new("RGB", (60, 60)).save(chosen.root / chosen.names[0], "JPEG")
        after = _fingerprints(image_folders)
        assert after[0] != before[0] and (after[1] == before[1]) is stays
        before = after


def _fingerprints(folder):
    data = _load(folder)
    return data.fingerprint(), data.training_fingerprint()


def test_training_without_training_images_is_refused(image_folders):
    for path in image_folders.glob("train/*/*"):
        if not path.stem.endswith("_0"):
            path.unlink()
    with pytest.raises(BadInput, match="no training images: each class needs two or more"):
        _load(image_folders).require_trainable()


def test_a_class_that_leads_nowhere_is_not_passed_over(image_folders):
    for split in ("train", "val"):
        (image_folders / split / "n01443537").symlink_to("n01443537")
    with pytest.raises(BadInput, match="n01443537 is named after a class, but is no folder"):
        _load(image_folders)


def test_test_images_are_not_those_of_training(image_folders):
    (image_folders / "val").rename(image_folders / "other")
    (image_folders / "val").symlink_to("train")
    with pytest.raises(BadInput, match="are one folder: tested on what was trained on"):
        _load(image_folders)


def test_a_name_that_is_no_text_is_shown_as_ascii(image_folders):
    folder = os.fsencode(image_folders / "val" / SYNSETS[0])
    os.rename(folder + b"/ILSVRC2012_val_1.JPEG", folder + b"/\xff.JPEG")
    with pytest.raises(BadInput, match=r"no UTF-8: '\\udcff.JPEG'"):
        _load(image_folders)


def test_reading_wholly_changes_no_pixel(image_folders):
    """Files are read whole before they are decoded: what comes out is what Pillow reads from the path."""
    data = _load(image_folders)
    path = data.test.root / data.test.names[2]
    with Image.open(path) as image:
        theirs = data.test.transform(image.convert("RGB"))
    assert torch.equal(data.test.at([2]).images[0], theirs)
