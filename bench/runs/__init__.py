"""Runs: jobs, and where and how they are done."""
