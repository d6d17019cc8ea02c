"""Networks under arriving requests: how long an answer takes where images wait for each other."""

from bench.measurement.load.arrivals import ARRIVALS, arrival_times
from bench.measurement.load.feeding import Served, feed
from bench.measurement.load.queueing import highest_rate, mean_latency, single_file
from bench.measurement.load.serving import Policy, Server

__all__ = [
    "ARRIVALS",
    "Policy",
    "Served",
    "Server",
    "arrival_times",
    "feed",
    "highest_rate",
    "mean_latency",
    "single_file",
]
