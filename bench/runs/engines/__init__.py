"""Where jobs run: in this process, on worker processes of this machine, on a Slurm cluster."""

from bench.runs.engines.dispatch import ENGINES, follow, run_jobs

__all__ = ["ENGINES", "follow", "run_jobs"]
