"""Human labels: what a file must hold, and their entropy."""

import numpy as np
import pytest

from bench.data import cifar10h
from bench.errors import BadInput

LABELS = np.arange(10_000) % 10


def shares():
    values = np.full((10_000, 10), 0.02)
    values[np.arange(10_000), LABELS] = 0.82
    return values


def test_rows_of_the_images_asked_for(tmp_path):
    values = shares()
    values[7] = np.eye(10)[3]
    np.save(tmp_path / cifar10h.FILE, values)
    indices = np.arange(20)[::-1]
    found = cifar10h.load(tmp_path / cifar10h.FILE, indices, LABELS[indices])
    assert found.tolist() == values[indices].tolist()


def wrong_files():
    values = shares()
    yield "rows", values[:9999], "expected 10,000 rows of 10 shares"
    yield "whole", values.round().astype(int), "expected 10,000 rows of 10 shares"
    yield "sums", values * 2, "sum to 1"
    yield "negative", values + np.where(np.arange(10) < 5, -0.1, 0.1), "sum to 1"
    yield "nan", np.full_like(values, np.nan), "sum to 1"
    yield "order", np.roll(values, 1, 0), "other images"
    yield "objects", np.array([object()] * 3), "cannot read"


@pytest.mark.parametrize(("values", "message"), [pytest.param(*case, id=name) for name, *case in wrong_files()])
def test_other_files_are_refused(tmp_path, values, message):
    np.save(tmp_path / "file.npy", values)
    with pytest.raises(BadInput, match=message):
        cifar10h.load(tmp_path / "file.npy", np.arange(10_000), LABELS)


def test_missing_file_and_images_that_it_does_not_know(tmp_path):
    with pytest.raises(BadInput, match="cannot read"):
        cifar10h.load(tmp_path / "nothing.npy", np.arange(3), LABELS[:3])
    np.save(tmp_path / "file.npy", shares())
    with pytest.raises(BadInput, match="number 10000"):
        cifar10h.load(tmp_path / "file.npy", np.array([10_000]), LABELS[:1])


def test_found_beside_the_images(tmp_path):
    assert cifar10h.find(None) is None and cifar10h.find(tmp_path) is None
    (tmp_path / "cifar10h").mkdir()
    (tmp_path / "cifar10h" / cifar10h.FILE).touch()
    assert cifar10h.find(tmp_path) == tmp_path / "cifar10h" / cifar10h.FILE


def test_entropy_in_bits():
    assert cifar10h.entropy([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4]).tolist() == [0, 1, 2]
