"""Which records stand together, and which must not."""

import pytest

from bench.errors import BadInput
from bench.report.results import load_groups


def test_no_records_is_bad_input(runs):
    with pytest.raises(BadInput, match="no records"):
        load_groups([runs.folder])


def test_seeds_share_an_entry_and_anything_else_does_not(runs):
    for seed in (0, 1, 2):
        runs.add("dense", seed=seed)
    runs.add("lcnet", point=0.6, dynamic=True)
    runs.add("lcnet", point=0.6, dynamic=True, seed=1, stage_epochs="main:9")
    (group,) = load_groups([runs.folder])
    assert [len(entry.results) for entry in group.entries] == [3, 1, 1]
    labels = [entry.label for entry in group.entries]
    assert labels[0] == "dense"
    assert len(set(labels)) == 3, "two entries of the same method and point must be told apart"


def test_seeds_that_start_from_their_own_dense_network_share_an_entry(runs):
    for seed in (0, 1):
        config = {"seed": seed, "start_job": f"dense-s{seed}", "start": f"hash{seed}", "epochs": 3}
        runs.add("lcnet", point=0.6, seed=seed, dynamic=True, details={"config": config})
    (group,) = load_groups([runs.folder])
    assert [len(entry.results) for entry in group.entries] == [2]


def test_seeds_whose_given_weights_are_known_share_an_entry_and_others_do_not(runs):
    for point, known in ((0.6, "dense-job"), (0.4, "")):
        for seed in (0, 1):
            details = {"config": {"seed": seed, "start_job": "", "start": f"hash{seed}"}, "start_record": known}
            runs.add("lcnet", point=point, seed=seed, dynamic=True, details=details)
    (group,) = load_groups([runs.folder])
    assert [len(entry.results) for entry in group.entries] == [2, 1, 1]


def test_one_seed_twice_is_no_repetition(runs):
    runs.add("dense", command="first")
    runs.add("dense", command="second")
    (group,) = load_groups([runs.folder])
    assert [len(entry.results) for entry in group.entries] == [1, 1]


def test_the_same_folder_twice_counts_once(runs):
    runs.add("dense")
    (group,) = load_groups([runs.folder, runs.folder.parent])
    assert len(group.results) == 1


def test_other_images_under_the_same_name_are_refused_by_name(runs):
    runs.add("dense")
    runs.add("lcnet", point=0.5, dynamic=True, details={"data": {"fingerprint": "other"}})
    first, second = sorted(folder.name for folder in runs.folder.iterdir())
    with pytest.raises(BadInput, match=f"{first} and {second} were measured on different images of digits"):
        load_groups([runs.folder])


def test_another_schema_version_is_refused_by_name(runs):
    runs.add("dense", schema_version=99)
    with pytest.raises(BadInput, match=r"record\.json has schema version 99"):
        load_groups([runs.folder])
