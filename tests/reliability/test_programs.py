"""The programs of this folder at a small size; the whole size is in docs/reliability.md."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc, as Linux has it")
@pytest.mark.parametrize(
    ("program", "arguments", "says"),
    [
        ("faults.py", ("--faults", "3", "--seed", "3"), "3 survived, 0 lost"),
        ("fuzz.py", ("--cases", "90", "--seed", "3"), " cases, 0 of them not as they should be"),
        ("parallel.py", ("--processes", "2", "--seeds", "1"), "| a lock left empty by a dead process | 2 | 3 |"),
        ("memory.py", ("--jobs", "8"), "growth after the first quarter"),
        ("environment.py", ("--cases", "3", "--seed", "141"), " 0 of them not as they should be"),
    ],
)
def test_a_small_run_of(program, arguments, says):
    finished = subprocess.run(
        [sys.executable, HERE / program, *arguments], capture_output=True, text=True, timeout=600, check=False
    )
    assert finished.returncode == 0, finished.stdout[-5000:] + finished.stderr[-3000:]
    assert says in finished.stdout
