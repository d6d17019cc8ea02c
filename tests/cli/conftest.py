"""The program as people run it."""

from program import bench, bench_here, start

__all__ = ["bench", "bench_here", "start"]
