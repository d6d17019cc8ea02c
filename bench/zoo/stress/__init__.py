"""Trained networks on images that they were not made for."""

from bench.zoo.stress.shift import ShiftPlan, stress_shifts
from bench.zoo.stress.subjects import Subject, load_subjects

__all__ = ["ShiftPlan", "Subject", "load_subjects", "stress_shifts"]
