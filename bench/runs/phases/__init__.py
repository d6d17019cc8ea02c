"""The phases of a job: what is done to it, one after the other."""

from bench.runs.phases.phase import PHASES, Phase, is_settled, makes_record, named

__all__ = ["PHASES", "Phase", "is_settled", "makes_record", "named"]
