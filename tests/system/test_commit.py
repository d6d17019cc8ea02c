"""The commit that a record names is this source tree's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.system import environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not in a clone")
def test_variables_that_git_sets_in_hooks_name_no_other_repository(tmp_path):
    def git(*arguments):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init")
    git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--allow-empty", "-m", "other")
    foreign = {"GIT_DIR": str(tmp_path / ".git"), "GIT_WORK_TREE": str(tmp_path), "GIT_INDEX_FILE": "nowhere"}
    code = "from bench.system.environment import commit; print(commit())"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, env=os.environ | foreign, cwd=ROOT, capture_output=True, text=True, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip().removesuffix("-dirty") == head.stdout.strip()
    environment.commit.cache_clear()
    assert environment.commit() == found.stdout.strip()
