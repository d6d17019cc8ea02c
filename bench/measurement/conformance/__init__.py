"""Conformance: is a method what it claims to be?"""

from bench.measurement.conformance.execution import check_skipping
from bench.measurement.conformance.subjects import Subject
from bench.measurement.conformance.verification import CHECKS, CheckResult, verify, verify_method

__all__ = ["CHECKS", "CheckResult", "Subject", "check_skipping", "verify", "verify_method"]
