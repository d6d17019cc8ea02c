"""Families of methods: whether a network treats all images alike, and what it decides for each where it does not."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bench.records.validity import CLAIMED


@dataclass(frozen=True)
class Family:
    """Methods that save computation in the same way.

    Attributes:
        static: whether every image costs the same and takes the same path; of claims nobody here knows.
        colour: told apart by the colour-blind, and by its lightness in grey; static families have no hue.
        markers: matplotlib's; no family shares one, so that families differ where colours are too near, too.
    """

    name: str
    static: bool
    colour: str
    markers: str


PLAIN = Family("plain networks", True, "#000000", "o8")
COMPRESSED = Family("static compression", True, "#5A5A5A", "hp")
LAYERS = Family("layer gates", False, "#781E0F", "^v<>")
CHANNELS = Family("channel gates", False, "#2DB4FF", "sd")
BOTH = Family("layer and channel gates", False, "#004B96", "D")
EXITS = Family("early exits", False, "#B41EFF", "P")
CASCADES = Family("cascades", False, "#3C9669", "*")
OTHER = Family("other dynamic", False, "#965A00", "X")
ELSEWHERE = Family(CLAIMED, False, "#C39600", "H")
FAMILIES = (PLAIN, COMPRESSED, LAYERS, CHANNELS, BOTH, EXITS, CASCADES, OTHER, ELSEWHERE)
"""In the order of tables and plots."""

_NAMED = {
    PLAIN: ("dense", "slim", "shallow"),
    COMPRESSED: ("depgraph", "fixed", "fpgm", "halp", "l1", "lcnet_scaled", "lcnet_static", "slimming"),
    LAYERS: (
        "blockdrop",
        "blockdrop_pooled",
        "codinet",
        "convnet_aig",
        "lnet",
        "random",
        "rdinet",
        "skipnet",
        "skipnet_ff1",
        "skipnet_ff2",
    ),
    CHANNELS: ("bas", "channel_gating", "cnet", "ds_net", "fbs", "manidp"),
    BOTH: ("lcnet", "lcnet_conditional", "lcnet_informed", "lcnet_menu", "lcnet_taught", "lcnet_tunable"),
    EXITS: ("early_exit", "sdn", "selfxit", "ztw"),
    CASCADES: ("cascade",),
    OTHER: ("a_vit", "dgnet", "dynconv"),
}
_BY_NAME = {name: family for family, names in _NAMED.items() for name in names}


def family_named(method: str) -> Family | None:
    """The family of a method that is known by name, whatever its choices or precision; None of any other."""
    return _BY_NAME.get(method.partition(" (")[0].partition("[")[0])


def family_of(method: str, samples: pd.DataFrame) -> Family:
    """The family of a method; of one that is not known by name, what its images' outcomes say.

    Args:
        method: as ``--methods`` names it, with its choices in brackets.
        samples: one row per image, as in ``samples.parquet``.
    """
    return family_named(method) or _judged(samples)


def _judged(samples: pd.DataFrame) -> Family:
    # Some gates choose among equally dear channels: then the cost is constant, and the path varies.
    varying = {name.partition("_")[0] for name in samples.columns if samples[name].nunique() > 1}
    if any(name.startswith("macs_") for name in samples.columns):
        return CASCADES
    if "exit" in varying:
        return EXITS
    gates = {"executed": LAYERS, "kept": CHANNELS}
    found = [family for name, family in gates.items() if name in varying]
    if len(found) == 2:  # A block that was skipped kept nothing: that alone decides no channel.
        found = [BOTH if _keeps_parts(samples) else LAYERS]
    return found[0] if found else OTHER if "macs" in varying else COMPRESSED


def _keeps_parts(samples: pd.DataFrame) -> bool:
    kept = [name for name in samples.columns if name.startswith("kept_")]
    return any(((samples[name] > 0) & (samples[name] < 1)).any() for name in kept)
