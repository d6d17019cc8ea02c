"""Plots of a report. What is in here imports matplotlib: only ``drawing`` does so, when there is something to draw."""
