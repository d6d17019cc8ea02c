"""What a method is, how it is found, and what several of them share."""

from bench.methods.calibration import AllAnswers, Choice, choose_thresholds
from bench.methods.identity import source_hash
from bench.methods.interface import (
    BACKBONE_WEIGHT_DECAY,
    Budget,
    Method,
    MethodInfo,
    ParameterGroup,
    Reported,
    Stage,
    TrainingBatch,
    backbone_lr,
    joint_groups,
    split_parameters,
)
from bench.methods.objective import falling_target, nearest_step, target_penalty
from bench.methods.options import later_choice
from bench.methods.registry import load_method, method_id, method_names

__all__ = [
    "BACKBONE_WEIGHT_DECAY",
    "AllAnswers",
    "Budget",
    "Choice",
    "Method",
    "MethodInfo",
    "ParameterGroup",
    "Reported",
    "Stage",
    "TrainingBatch",
    "backbone_lr",
    "choose_thresholds",
    "falling_target",
    "joint_groups",
    "later_choice",
    "load_method",
    "method_id",
    "method_names",
    "nearest_step",
    "source_hash",
    "split_parameters",
    "target_penalty",
]
