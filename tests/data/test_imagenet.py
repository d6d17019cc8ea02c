"""ImageNet's folders: true labels, a fixed split, images that no process changes, one clear line for what is wrong."""

import shutil

import pytest
import timm
import torch
from folders import OFFICIAL, SYNSETS, TEST, TRAIN
from PIL import Image
from timm.data import create_transform, resolve_data_config

from bench.data import DataOptions, load_data
from bench.errors import BadInput
from bench.system.distributed import Shard


def _load(folder, **options):
    return load_data("imagenet", folder, DataOptions(**{"workers": 0, "train_size": 32} | options))


def test_labels_are_those_of_the_network_that_answers(image_folders):
    own, official = _load(image_folders), _load(image_folders, outputs=1000)
    assert (len(own.classes), len(official.classes)) == (3, 1000)
    assert own.classes == tuple(official.classes[number] for number in OFFICIAL)
    for split in ("train", "validation", "test"):
        numbers = torch.tensor(OFFICIAL)[getattr(own, split).labels]
        assert torch.equal(numbers, getattr(official, split).labels)
    assert "3 outputs" in own.note and "1,000 outputs" in official.note
    assert own.fingerprint() != official.fingerprint()  # Their accuracies must not stand in one table.
    with pytest.raises(BadInput, match="weights for 7 classes fit neither the 3 at hand nor ImageNet's 1,000"):
        _load(image_folders, outputs=7)


def test_the_split_is_fixed_and_a_subset_says_that_it_is_one(image_folders):
    data = _load(image_folders)
    assert (len(data.train), len(data.validation), len(data.test)) == (3 * (TRAIN - 1), 3, 3 * TEST)
    assert sorted(data.train.names + data.validation.names) == sorted(
        path.relative_to(image_folders / "train").as_posix() for path in (image_folders / "train").glob("*/*")
    )
    assert data.validation.labels.tolist() == [0, 1, 2]
    assert _load(image_folders.parent / "three-classes").validation.names == data.validation.names
    assert data.title == "imagenet, 3-class subset, 18 test images" and data.is_subset
    assert "3 of the test images are, by their names, from ImageNet's training set" in data.note


def test_the_fingerprint_covers_contents(image_folders):
    before = _load(image_folders).fingerprint()
    path = image_folders / "val" / SYNSETS[0] / "ILSVRC2012_val_1.JPEG"
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    assert _load(image_folders).fingerprint() != before


def test_an_epoch_is_the_same_whoever_decodes_it(image_folders):
    def epoch(workers, **options):
        data, generator = _load(image_folders, workers=workers), torch.Generator().manual_seed(3)
        return list(data.train.shuffled(8, generator, data.augment, **options))

    whole = epoch(0)
    assert len(whole) == 4 and whole[0][0].shape == (8, 3, 32, 32) and whole[0][0].dtype == torch.uint8
    halves = [epoch(workers, share=Shard(part, 2)) for part, workers in ((0, 0), (1, 1))]
    for (images, labels), first, second in zip(whole, *halves):
        assert torch.equal(images, torch.cat([first[0], second[0]]))
        assert torch.equal(labels, torch.cat([first[1], second[1]]))
    late = epoch(0, first=3)
    assert len(late) == 1 and torch.equal(late[0][0], whole[3][0])
    for (_, labels), (images, their) in zip(whole, epoch(0, views=2), strict=True):
        assert torch.equal(their, labels.repeat_interleave(2)), "views of one image follow each other"
        assert not torch.equal(images[::2], images[1::2])


@pytest.mark.parametrize("backbone", ["resnet18", "wide_resnet50_2"])
def test_test_images_are_what_timm_makes_of_them(image_folders, backbone):
    config = resolve_data_config({}, pretrained_cfg=timm.models.get_pretrained_cfg(backbone).to_dict())
    data = _load(image_folders, backbone=backbone)
    split = data.test.at([4, 9])
    ours = data.normalise(split.images)
    transform = create_transform(**config, is_training=False)
    for mine, name in zip(ours, split.names):
        theirs = transform(Image.open(split.root / name).convert("RGB"))
        assert (mine - theirs).abs().max() < 1e-5
    assert data.loader.summary()["images"] == 2 and data.loader.summary()["images_per_second"] > 0


def _corrupt(folder):
    path = folder / "val" / SYNSETS[1] / "ILSVRC2012_val_2.JPEG"
    path.write_bytes(path.read_bytes()[:300])
    return path


@pytest.mark.parametrize("workers", [0, 1])
def test_a_corrupt_image_is_named(image_folders, workers):
    path = _corrupt(image_folders)
    with pytest.raises(BadInput, match=f"{path.name} is no image that can be read") as raised:
        list(_load(image_folders, workers=workers).test.batches(50))
    assert "\n" not in str(raised.value)


def _empty(folder):
    for path in (folder / "val" / SYNSETS[1]).iterdir():
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_empty, f"val/{SYNSETS[1]} holds no images"),
        (
            lambda folder: (folder / "train" / SYNSETS[0]).rename(folder / "train" / "tench"),
            "train/tench is named after",
        ),
        (lambda folder: shutil.rmtree(folder / "val" / SYNSETS[2]), f"val/{SYNSETS[2]} is missing"),
        (
            lambda folder: (folder / "train" / SYNSETS[0] / f"{SYNSETS[0]}_1.JPEG").write_bytes(b""),
            "_1.JPEG is no image",
        ),
        (lambda folder: shutil.rmtree(folder / "val"), "no ImageNet in .*--data-dir DIR"),
    ],
)
def test_folders_that_are_not_right_are_named(image_folders, damage, says):
    damage(image_folders)
    with pytest.raises(BadInput, match=says):
        _load(image_folders)


def test_no_folder_at_all():
    with pytest.raises(BadInput, match="imagenet: give --data-dir"):
        load_data("imagenet", None)
