"""Who holds a job: never a process that is dead, also where it died before it had written its name."""

import time

import pytest
from filelock import Timeout

from bench.errors import BadInput
from bench.runs import locks


@pytest.fixture
def lock(tmp_path):
    (tmp_path / locks.LOCKS).mkdir()
    return tmp_path / locks.LOCKS / "job"


def test_an_empty_lock_is_respected_for_a_while_and_then_given_up(lock, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "NAMELESS_S", 0.3)
    lock.touch()
    begun = time.monotonic()
    while True:
        try:
            with locks.job_lock(tmp_path, "job"):
                assert "pid=" in lock.read_text()
                break
        except Timeout:
            assert time.monotonic() - begun < 30, "waited for a dead process"
            time.sleep(0.1)
    assert time.monotonic() - begun > 0.3
    assert not lock.exists()


def test_a_lock_of_another_kind_is_one_clear_line(lock, tmp_path):
    with locks.job_lock(tmp_path, "job"):
        text = lock.read_text()
    own = next(line for line in text.splitlines() if line.startswith("pid="))
    lock.write_text(text.replace(own, "pid=1").replace("duration=180.0", "duration=7.0").replace("host=", "host=not-"))
    with pytest.raises(BadInput, match="another version"), locks.job_lock(tmp_path, "job"):
        pass
