"""Jobs as values: what a plan holds is read again, and an id tells one result from another."""

import json
import re
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.recipe import UNTRAINED
from bench.runs.plan.jobs import Job, distinct

JOB = Job(method="lcnet", dataset="digits", backbone="resnet20", point=0.5, seed=0, **UNTRAINED)
SHA = st.text("0123456789abcdef", min_size=64, max_size=64)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["skipnet", "lcnet[price=0]", "lcnet[price=0,start=0.5]"]),
        "point": st.none() | st.floats(0.01, 1),
        "seed": st.integers(0, 9),
        "start": SHA,
        "start_job": st.text(max_size=5),
        "source": SHA,
        "network": SHA,
        "members": st.lists(SHA, max_size=3).map(tuple),
        "mean": st.lists(st.floats(0, 1), min_size=3, max_size=3).map(tuple),
        "quantised": st.just("int8"),
        "tuned": st.sampled_from(["0.5 macs", "0.4 ms"]),
        "epochs": st.integers(1, 9),
        "trials": st.integers(2, 3),
        "method_version": st.integers(2, 5),
    },
)


@settings(max_examples=50, deadline=None)
@given(CHANGES)
def test_what_a_plan_holds_is_read_again(changes):
    job = replace(JOB, **changes)
    read = Job.read(json.loads(json.dumps(asdict(job))))
    assert read == job and read.id == job.id and hash(read) == hash(job)


@settings(max_examples=100, deadline=None)
@given(CHANGES, CHANGES)
def test_two_jobs_share_an_id_exactly_where_they_are_equal(one, other):
    a, b = replace(JOB, **one), replace(JOB, **other)
    assert (a.id == b.id) == (a == b)
    assert len(distinct([a, b, a, b])) == (1 if a == b else 2)


@settings(max_examples=50, deadline=None)
@given(CHANGES)
def test_an_id_is_a_name_of_a_folder_that_no_shell_takes_for_something_else(changes):
    assert re.fullmatch(r"[A-Za-z0-9_.=+-]+-[0-9a-f]{10}", replace(JOB, **changes).id)


def test_a_readable_id_begins_with_what_one_looks_for():
    assert JOB.id.startswith("lcnet-digits-resnet20-p0.5-s0-")
    assert replace(JOB, method="lcnet[price=0]", point=None).id.startswith("lcnet-price=0-digits-resnet20-s0-")


def test_distinct_jobs_stand_in_the_order_of_their_first_place():
    first, second = replace(JOB, seed=3), replace(JOB, seed=1)
    assert distinct([first, second, first, JOB]) == [first, second, JOB]


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"seed": "0"},
        {"seed": True},
        {"point": "half"},
        {"members": [1]},
        {"mean": "0.5"},
        {"method": None},
    ],
)
def test_what_is_no_job_is_refused(changes):
    with pytest.raises(TypeError):
        Job.read(asdict(JOB) | changes)


@pytest.mark.parametrize("missing", ["method", "dataset", "backbone", "point", "seed"])
def test_a_job_without_what_names_it_is_refused_and_options_that_an_old_plan_lacks_are_off(missing):
    values = asdict(JOB)
    with pytest.raises(TypeError, match=missing):
        Job.read({name: value for name, value in values.items() if name != missing})
    old = {name: values[name] for name in ("method", "dataset", "backbone", "point", "seed")}
    assert Job.read(old) == JOB and all(getattr(JOB.recipe, name) == value for name, value in UNTRAINED.items())
