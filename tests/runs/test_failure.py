"""Why a job has no record: read as written, and what is damaged says nothing."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.runs.failure import FAILURE_FILE, JobFailure, read_failure

KNOWN = {"reason": "a line", "kind": "BadInput", "when_utc": "2020-01-01T00:00:00Z", "command": "bench run"}


def test_a_failure_is_read_as_written(tmp_path):
    assert read_failure(tmp_path) is None and read_failure(tmp_path / "gone") is None
    (tmp_path / FAILURE_FILE).write_text(json.dumps(KNOWN))
    assert read_failure(tmp_path) == JobFailure(**KNOWN)


@pytest.mark.parametrize(
    "content",
    [{}, [], None, 3, KNOWN | {"reason": 3}, KNOWN | {"more": ""}, {key: KNOWN[key] for key in ("reason", "kind")}],
)
def test_another_form_says_nothing(tmp_path, content):
    (tmp_path / FAILURE_FILE).write_text(json.dumps(content))
    assert read_failure(tmp_path) is None


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 100))
def test_damage_ends_no_status(tmp_path_factory, noise, cut):
    folder = tmp_path_factory.mktemp("job")
    (folder / FAILURE_FILE).write_bytes(json.dumps(KNOWN).encode()[:cut] + noise)
    found = read_failure(folder)
    assert found is None or isinstance(found.reason, str)
    (folder / FAILURE_FILE).write_text("[" * 100_000)
    assert read_failure(folder) is None
