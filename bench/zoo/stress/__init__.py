"""Trained networks on images that they were not made for."""

from bench.zoo.stress.attack import AttackPlan, stress_attacks
from bench.zoo.stress.shift import ShiftPlan, stress_shifts
from bench.zoo.stress.subjects import Subject, load_subjects

__all__ = ["AttackPlan", "ShiftPlan", "Subject", "load_subjects", "stress_attacks", "stress_shifts"]
