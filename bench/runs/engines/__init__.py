"""Where jobs run: in this process, on worker processes of this machine, on a Slurm cluster."""

from bench.runs.engines.dispatch import follow, run_jobs

__all__ = ["follow", "run_jobs"]
