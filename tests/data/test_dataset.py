"""Data sets: fixed splits, real images, clear words where something is missing or damaged."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data import load_data, load_source
from bench.data.dataset import crop_and_flip
from bench.errors import BadInput
from bench.system.distributed import Shard


def _disjoint(data, total):
    indices = torch.cat([data.train.indices, data.validation.indices])
    assert len(indices.unique()) == len(indices) == total


def test_digits_split(digits):
    assert (len(digits.train), len(digits.validation), len(digits.test)) == (1097, 200, 500)
    everything = torch.cat([digits.train.indices, digits.validation.indices, digits.test.indices])
    assert len(everything.unique()) == 1797
    for split in (digits.train, digits.validation, digits.test):
        assert split.images.shape[1:] == (3, 16, 16)
        share = split.labels.bincount() / len(split)
        assert share.min() > 0.09 and share.max() < 0.115  # stratified: 10 % each, up to rounding


def test_images_of_another_size_than_registered_are_refused(monkeypatch):
    """The size registered is what costs are counted for."""
    source = replace(load_source("digits"), image_size=32)
    monkeypatch.setattr("bench.data.source.DATASETS", SimpleNamespace(load=lambda name: source))
    with pytest.raises(BadInput, match="digits: images of 16x16 pixels, but registered are 32"):
        load_data("digits", None)


def test_digits_never_change(digits):
    assert load_data("digits", None).fingerprint() == digits.fingerprint()
    # Every record on digits rests on it.
    assert digits.fingerprint() == ("5255604edaf60b16e406ca7bca4e10cb674f0d1f2f8327652a9dd659f104ee21")


def test_cifar10_split(cifar10):
    assert (len(cifar10.train), len(cifar10.validation), len(cifar10.test)) == (45_000, 5_000, 10_000)
    _disjoint(cifar10, 50_000)
    assert cifar10.test.labels.bincount().tolist() == [1000] * 10
    assert cifar10.classes[:3] == ("airplane", "automobile", "bird")


def test_missing_cifar10_says_how_to_get_it(tmp_path):
    for folder in (None, tmp_path):
        with pytest.raises(BadInput, match=r"--data-dir .*--download"):
            load_data("cifar10", folder)


def test_truncated_cifar10_is_refused(cifar_dir, tmp_path):
    shutil.copytree(cifar_dir / "cifar-10-batches-py", tmp_path / "cifar-10-batches-py")
    batch = tmp_path / "cifar-10-batches-py" / "data_batch_3"
    batch.chmod(0o644)
    with batch.open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(BadInput, match="incomplete or corrupt"):
        load_data("cifar10", tmp_path)


def test_unknown_data_set():
    with pytest.raises(BadInput, match="choose from"):
        load_data("mnist", None)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), padding=st.integers(0, 4), flip=st.booleans())
def test_every_crop_is_a_window_of_the_padded_image(seed, padding, flip):
    """Every augmented image stands somewhere in the padded original, possibly mirrored."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (3, 3, 8, 8), generator=generator, dtype=torch.uint8)
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    for crop, original in zip(crop_and_flip(padding, flip)(images, generator), padded):
        windows = [
            original[:, top : top + 8, left : left + 8]
            for top in range(2 * padding + 1)
            for left in range(2 * padding + 1)
        ]
        candidates = windows + ([window.flip(2) for window in windows] if flip else [])
        assert any(torch.equal(crop, window) for window in candidates)


def test_an_epoch_shows_every_image_at_most_once(digits):
    generator = torch.Generator().manual_seed(0)
    labels = torch.cat([batch for _, batch in digits.train.shuffled(100, generator, lambda images, _: images)])
    assert len(labels) == 1000  # the incomplete last batch is left out


def test_views_of_an_image_follow_each_other_and_differ_in_augmentation(digits):
    def batches(augment, **options):
        return list(digits.train.shuffled(100, torch.Generator().manual_seed(0), augment, **options))

    def whole(images, generator):
        return images

    views = batches(digits.augment, views=3)
    for (sources, labels), (images, their) in zip(batches(whole), views, strict=True):
        assert torch.equal(their, labels.repeat_interleave(3))
        padded, seen = torch.nn.functional.pad(sources, (1,) * 4), images.unflatten(0, (-1, 3))
        windows = [padded[:, None, :, top : top + 16, left : left + 16] for top in range(3) for left in range(3)]
        is_crop = [(window == seen).flatten(2).all(2) for window in windows]
        assert torch.stack(is_crop).any(0).all()
        assert (seen[:, 0] != seen[:, 1]).flatten(1).any(1).float().mean() > 0.7
    halves = [batches(digits.augment, views=3, share=Shard(part, 2)) for part in (0, 1)]
    for (images, _), (first, _), (second, _) in zip(views, *halves, strict=True):
        assert torch.equal(images, torch.cat([first, second]))


def test_normalisation(cifar10):
    images = cifar10.normalise(cifar10.train.images[:2000])
    assert images.dtype == torch.float32
    assert images.mean((0, 2, 3)).abs().max() < 0.3 and (images.std((0, 2, 3)) - 1).abs().max() < 0.25


def test_data_move_to_a_device_and_are_augmented_there(digits):
    """The device without memory stands in for an accelerator: operations on tensors of two devices fail there, too."""
    assert digits.to(torch.device("cpu")) is digits
    elsewhere = digits.to(torch.device("meta"))
    images, labels = next(elsewhere.train.shuffled(8, torch.Generator().manual_seed(0), elsewhere.augment))
    assert images.device.type == labels.device.type == "meta" and images.shape == (8, 3, 16, 16)
    assert torch.equal(elsewhere.test.indices, digits.test.indices)
