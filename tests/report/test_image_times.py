"""Times of single images: read from what a run wrote, and shown beside their MACs."""

import numpy as np
import pytest
from synthetic import timing

from bench.errors import BadInput
from bench.records import find_records, read_samples
from bench.records.times import TIMES_FILE, read_times
from bench.report.results import load_groups
from bench.report.tables.images import image_table

IMAGES = 64


@pytest.fixture
def folder(runs):
    """A record whose times follow its MACs, one image of which is slower than the dense backbone."""
    runs.add("skipnet", point=0.5, dynamic=True, **timing(0.5, 0))
    (job,) = find_records([runs.folder])
    macs = read_samples(job)["macs"].to_numpy()[:IMAGES]
    method = np.stack([macs / macs.mean() * speed for speed in (1.0, 1.1, 5.0)])
    method[:, macs.argmax()] = 9.0
    np.savez_compressed(job / TIMES_FILE, latency_dynamic_ms=method, latency_dense_ms=np.full((3, IMAGES), 2.0))
    return job


def test_table_joins_each_time_with_its_macs(folder):
    (group,) = load_groups([folder.parent])
    table = image_table(group)
    said = {column.heading: cell for column, cell in zip(table.columns, table.rows[0])}
    assert said["Images"].text == "64" and said["Time and MACs"].text == "+1.00"
    assert said["Worst (ms)"].value == 9.0 and said["Slower than dense (%)"].value == pytest.approx(1.6)
    assert said["Median (ms)"].value == pytest.approx(1.1, rel=0.1)
    assert said["Worst, of the median"].value == pytest.approx(9 / said["Median (ms)"].value, abs=0.01)


def test_runs_without_raw_times_have_no_such_table(folder):
    (folder / TIMES_FILE).unlink()
    assert read_times(folder, IMAGES) is None and image_table(load_groups([folder.parent])[0]) is None


@pytest.mark.parametrize(
    "raw",
    [
        {"latency_dense_ms": np.ones((3, IMAGES))},
        {"latency_dynamic_ms": np.ones((3, 9999)), "latency_dense_ms": np.ones((3, 9999))},
        {"latency_dynamic_ms": np.ones((3, IMAGES)), "latency_dense_ms": np.ones((3, 5))},
        {"latency_dynamic_ms": np.full((3, IMAGES), np.nan), "latency_dense_ms": np.ones((3, IMAGES))},
        {"latency_dynamic_ms": np.array([[{}]]), "latency_dense_ms": np.ones((3, 1))},
    ],
    ids=["missing", "more than tested", "other images", "no numbers", "a pickle"],
)
def test_what_is_no_file_of_times_is_refused(folder, raw):
    np.savez(folder / TIMES_FILE, **raw)
    with pytest.raises(BadInput, match=TIMES_FILE):
        read_times(folder, 1000)


def test_a_single_array_is_no_file_of_times(folder):
    with (folder / TIMES_FILE).open("wb") as file:
        np.save(file, np.ones((3, IMAGES)))
    with pytest.raises(BadInput, match=TIMES_FILE):
        read_times(folder, 1000)
