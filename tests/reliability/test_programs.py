"""The programs of this folder at a small size; the whole size is in docs/reliability.md."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = {
    "environment.py": ("--cases 2 --seed 12", " 0 of them not as they should be"),
    "faults.py": ("--faults 2 --seed 3", "2 survived, 0 lost"),
    "parallel.py": ("--processes 2 --seeds 1", "| a lock left empty by a dead process | 2 | 3 |"),
    "memory.py": ("--jobs 6", "growth after the first quarter"),
    "fuzz.py": ("--cases 60 --seed 3", " cases, 0 of them not as they should be"),
}
"""Arguments, and what is said where all is well. ``environment.py`` comes first, since the others make the digits
fewer, and ``fuzz.py`` last, since no job is done behind it."""
ONE_AFTER_THE_OTHER = """
import importlib, shlex, sys
for program, arguments in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        importlib.import_module(program.removesuffix(".py")).main(shlex.split(arguments))
    except SystemExit as ended:
        if ended.code:
            sys.exit(f"{program} ends with {ended.code}")
    print("end of", program, flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc, as Linux has it")
def test_small_runs():
    """All in one process, whose forks do the work: each would load torch first."""
    words = [word for program, (arguments, _) in PROGRAMS.items() for word in (program, arguments)]
    finished = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(HERE)!r})\n{ONE_AFTER_THE_OTHER}", *words],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    said = finished.stdout
    assert finished.returncode == 0, said[-5000:] + finished.stderr[-3000:]
    for program, (_, says) in PROGRAMS.items():
        of_it, _, said = said.partition(f"end of {program}\n")
        assert says in of_it, of_it
