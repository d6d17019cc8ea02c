"""Which records stand together, and which must not."""

from pathlib import Path

import pytest

from bench.errors import BadInput
from bench.report.results import load_groups

MEANS = [("dense", None, 91.17), ("l1", 0.3, 86.25), ("lcnet", 0.3, 85.53)]
"""Of three shipped seeds each, in percent, as ``results/README.md`` quotes them."""


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


def test_seeds_pool_across_commits_machines_and_source_but_not_across_versions_of_a_method(runs):
    for seed, version in ((0, None), (1, 1), (2, 2)):
        config = {"seed": seed, "source": f"hash{seed}", "epochs": 3} | ({"method_version": version} if version else {})
        where = {"commit": str(seed) * 40, "environment_id": f"machine{seed}", "threads": 1 + seed}
        runs.add("lcnet", point=0.6, seed=seed, dynamic=True, details={"config": config}, **where)
    (group,) = load_groups([runs.folder])
    assert sorted(tuple(entry.seeds) for entry in group.entries) == [(0, 1), (2,)]
    assert sorted(entry.origin for entry in group.entries) == ["1 seed", "2 seeds, 2 commits, 2 machines"]


def test_options_that_older_records_do_not_know_are_off(runs):
    runs.add("lcnet", point=0.6, dynamic=True, details={"config": {"epochs": 3}})
    new = {"epochs": 3, "label_smoothing": 0.0, "network": ""}
    runs.add("lcnet", point=0.6, dynamic=True, seed=1, details={"config": new})
    runs.add("lcnet", point=0.6, dynamic=True, seed=2, details={"config": new | {"label_smoothing": 0.1}})
    (group,) = load_groups([runs.folder])
    assert sorted(tuple(entry.seeds) for entry in group.entries) == [(0, 1), (2,)]


@pytest.mark.parametrize(("method", "point", "top1"), MEANS)
def test_shipped_seeds_of_a_method_stand_in_one_line(shipped, method, point, top1):
    found = [entry for entry in shipped.entries if (entry.record.method, entry.record.point) == (method, point)]
    assert [entry.seeds for entry in found] == [[0, 1, 2]]
    assert found[0].top1.value == pytest.approx(top1, abs=0.005)
    assert found[0].origin == "3 seeds, 2 commits"


@pytest.fixture(scope="module")
def shipped():
    """What is shipped for ResNet-20 after three epochs."""
    (group,) = load_groups([Path(__file__).parents[2] / "results" / "cifar10-resnet20"])
    return group
