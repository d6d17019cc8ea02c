"""What an engine costs per job: many tiny jobs through it, none lost, none done twice.

python experiments/engines.py --engine local --workers 2 --jobs 300
python experiments/engines.py --engine local --workers 2 --jobs 24 --epochs 2 --methods lnet,slim
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from bench.records import RECORD_FILE


@click.command()
@click.option("--engine", type=click.Choice(["inline", "local", "slurm"]), default="local")
@click.option("--workers", default=2, help="for local and slurm")
@click.option("--jobs", default=300, help="rounded up to whole seeds, each a dense network and its methods")
@click.option("--methods", default="slim")
@click.option("--epochs", default=0)
@click.option("--threads", default=1, help="of all workers together; with slurm, of each")
@click.option("--out", type=click.Path(path_type=Path), help="Keeps the records. Default: a temporary folder.")
def main(engine, workers, jobs, methods, epochs, threads, out):
    """What an engine costs per job: many tiny jobs through it, none lost, none done twice."""
    per_seed = 1 + len(methods.split(","))
    seeds = -(-jobs // per_seed)
    command = [sys.executable, "-m", "bench", "run", "--methods", methods, "--epochs", str(epochs), "--no-timing"]
    command += ["--backbone", "resnet8", "--seeds", ",".join(map(str, range(seeds)))]
    command += ["--engine", engine] if engine == "inline" else ["--engine", engine, "--workers", str(workers)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = out or Path(temporary)
        seconds, found = watched([*command, "--out", str(folder)], folder, threads)
    first, last = min(found.values()), max(found.values())
    expected = seeds * per_seed
    click.echo(
        f"{engine}, {workers if engine != 'inline' else 1} at once: {len(found)} of {expected} records, none written "
        f"twice; {seconds:.1f} s from start to the last record ({first:.1f} s to the first), "
        f"{expected / seconds * 3600:,.0f} jobs per hour, "
        f"{(last - first) / (expected - 1):.3f} s from record to record"
    )
    if len(found) != expected:
        raise SystemExit(1)


def watched(command: list[str], folder: Path, threads: int) -> tuple[float, dict[str, float]]:
    """Runs ``command``; seconds until its last record, and by job the seconds until its record.

    Raises:
        SystemExit: it failed, or a record was written twice.
    """
    written: dict[str, int] = {}
    begin = time.time()
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    with log, subprocess.Popen(command, stdout=log, stderr=log, env=environment) as process:
        while process.poll() is None:
            time.sleep(1)
            for path in folder.glob(f"*/{RECORD_FILE}"):
                with contextlib.suppress(FileNotFoundError):
                    if written.setdefault(path.parent.name, path.stat().st_mtime_ns) != path.stat().st_mtime_ns:
                        raise SystemExit(f"{path} was written twice")
        if process.returncode:
            log.seek(0)
            raise SystemExit(log.read()[-2000:])
    found = {name: stamp / 1e9 - begin for name, stamp in written.items()}
    return max(found.values()), found


if __name__ == "__main__":
    main()
