"""The answer of a report, against arithmetic done here."""

import numpy as np
import pandas as pd
import pytest

from bench.report.families import CASCADES, CHANNELS, COMPRESSED, EXITS, LAYERS, OTHER, PLAIN, family_of
from bench.report.front import StaticFront
from bench.report.results import load_groups
from bench.report.tables.verdicts import verdict_table
from bench.report.units import UNITS
from bench.report.verdict import AHEAD, ALONE, BEHIND, LEVEL, find_verdict


def verdict_of(runs):
    groups = load_groups([runs.folder])
    return find_verdict(groups[0], groups)


def correct(entry):
    return entry.results[0].samples.sort_values("index")["correct"].to_numpy(float)


@pytest.mark.parametrize(("top1", "outcome"), [(99, AHEAD), (85.3, LEVEL), (50, BEHIND)])
def test_the_outcome_is_where_the_interval_lies(runs, top1, outcome):
    runs.add("dense", top1=90)
    runs.add("slim", point=0.4, top1=80)
    runs.add("lcnet", point=0.6, top1=top1, dynamic=True)
    verdict = verdict_of(runs)
    (finding,) = verdict.findings
    assert finding.outcome == outcome
    assert finding.static.record.method == "slim", "dense is over the budget"
    first = verdict.sentences[0]
    assert first.startswith("In MACs, yes at 0.6" if outcome == AHEAD else "Not shown:")
    assert "one seed" in verdict.sentences[1] and "nothing is said of time" in verdict.sentences[1]


def test_the_difference_is_to_a_mix_of_the_two_static_neighbours(runs):
    runs.add("dense", top1=90)
    runs.add("slim", point=0.4, top1=80)
    runs.add("lcnet", point=0.6, top1=88, dynamic=True)
    (finding,) = verdict_of(runs).findings
    slim, dense = finding.difference.against
    share = (finding.dynamic.macs.value - slim.macs.value) / (dense.macs.value - slim.macs.value)
    by_image = correct(finding.dynamic) - (1 - share) * correct(slim) - share * correct(dense)
    assert finding.difference.interval.value == pytest.approx(100 * by_image.mean())
    half = 1.96 * 100 * by_image.std(ddof=1) / np.sqrt(len(by_image))
    assert finding.difference.interval.high - finding.difference.interval.value == pytest.approx(half, rel=0.01)


def test_seeds_that_all_have_are_compared(runs):
    for seed in (0, 1, 2):
        runs.add("dense", top1=90, seed=seed)
        runs.add("slim", point=0.4, top1=80, seed=seed)
        runs.add("lcnet", point=0.6, top1=88, dynamic=True, seed=seed)
    verdict = verdict_of(runs)
    assert verdict.findings[0].difference.seeds == 3
    assert "Seeds compared: 3" in verdict.sentences[1]


def test_nothing_is_extrapolated_below_the_cheapest_static_network(runs):
    runs.add("dense", top1=90)
    runs.add("lcnet", point=0.3, top1=99, dynamic=True)
    verdict = verdict_of(runs)
    (finding,) = verdict.findings
    assert (finding.outcome, finding.difference, finding.static) == (ALONE, None, None)
    assert "no static network is as cheap" in verdict.sentences[0]
    assert verdict_table(verdict, UNITS["macs"]).rows[0][2].text == "—"


def test_a_budget_that_a_cheaper_entry_meets_better_says_nothing_new(runs):
    runs.add("dense", top1=90)
    runs.add("slim", point=0.2, top1=70)
    runs.add("lcnet", point=0.8, top1=60, dynamic=True)
    runs.add("skipnet", point=0.5, top1=89, dynamic=True)
    assert [one.dynamic.record.method for one in verdict_of(runs).findings] == ["skipnet"]


def test_trainings_that_differ_are_told(runs):
    runs.add("dense", top1=90, stage_epochs="train 50")
    runs.add("slim", point=0.4, top1=80, stage_epochs="train 3")
    runs.add("lcnet", point=0.6, top1=88, dynamic=True, stage_epochs="joint 9")
    table = verdict_table(verdict_of(runs), UNITS["macs"])
    wanted = {"lcnet 0.6 - epochs: joint 9", "slim 0.4 - epochs: train 3", "dense - epochs: train 50"}
    assert set(table.notes) == wanted


def test_invalid_entries_are_never_best_and_no_dynamic_entry_no_verdict(runs):
    runs.add("dense", top1=90)
    runs.add("lcnet", point=0.5, top1=99, dynamic=True, valid=False)
    verdict = verdict_of(runs)
    assert verdict.findings == [] and verdict_table(verdict, UNITS["macs"]) is None
    assert "nothing to answer" in verdict.sentences[0]


def test_static_networks_that_another_dominates_are_no_part_of_the_front(runs):
    runs.add("dense", top1=90)
    runs.add("slim", point=0.5, top1=85)
    runs.add("l1", point=0.6, top1=60)
    (group,) = load_groups([runs.folder])
    assert [node.record.method for node in StaticFront(group.entries).nodes] == ["slim", "dense"]


@pytest.mark.parametrize(
    ("method", "columns", "family"),
    [
        ("slim[width=0.5]", {"macs": [1, 1]}, PLAIN),
        ("unknown", {"macs": [1, 1]}, COMPRESSED),
        ("unknown", {"macs": [1, 2]}, OTHER),
        ("unknown", {"macs": [1, 2], "exit": [0, 1]}, EXITS),
        ("unknown", {"macs": [1, 2], "macs_small": [1, 1], "exit": [0, 1]}, CASCADES),
        ("unknown", {"macs": [1, 2], "executed_0": [0, 1], "kept_0": [0.0, 1.0]}, LAYERS),
        ("unknown", {"macs": [1, 1], "executed_0": [1, 1], "kept_0": [0.5, 0.25]}, CHANNELS),
    ],
)
def test_the_family_of_an_unknown_method_is_judged_from_its_images(method, columns, family):
    assert family_of(method, pd.DataFrame(columns)) == family


def test_the_answer_says_where_the_static_network_is_the_faster_one(runs):
    runs.add("dense", top1=90)
    for point, static, dynamic in ((0.4, 1.5, 2.0), (0.6, 1.4, 1.3)):
        for method, speedup in (("slim", static), ("lcnet", dynamic)):
            times = {"latency_ms_p50": 1 / speedup, "speedup_latency_same_executor": speedup}
            details = {"timing": {"latency_rounds_ms": {"method": [1 / speedup] * 9, "dense": [1.0] * 9}}}
            runs.add(method, point=point, top1=80 + 10 * point, dynamic=method == "lcnet", details=details, **times)
    said = verdict_of(runs).sentences[1]
    assert (
        "the best static network is the faster one at 0.6; the best dynamic network is the faster one at 0.4." in said
    )
