"""What the outcomes of single images come to: the measured fields of a record."""

from __future__ import annotations

import pandas as pd

from bench.statistics import wilson


def summarise(samples: pd.DataFrame, macs_backbone: float) -> dict[str, float | int]:
    """Accuracy in percent with Wilson's 95 % interval, and MACs per image, by the names of the record's fields.

    What gates cost is left out where it is not known.

    Args:
        samples: one row per test image, as in ``samples.parquet``.
        macs_backbone: MACs of the dense backbone.
    """
    correct, count = int(samples["correct"].sum()), len(samples)
    low, high = wilson(correct, count)
    macs = samples["macs"]
    mean = float(macs.mean())
    gates = {"gate_macs_mean": float(samples["gate_macs"].mean())} if "gate_macs" in samples else {}
    return {
        "n_test": count,
        "top1": 100 * correct / count,
        "top1_low": low,
        "top1_high": high,
        "macs_mean": mean,
        "macs_std": float(macs.std(ddof=0)),
        "macs_p5": float(macs.quantile(0.05)),
        "macs_p50": float(macs.quantile(0.50)),
        "macs_p95": float(macs.quantile(0.95)),
        **gates,
        "macs_fraction": mean / macs_backbone,
        "speedup_theoretical": macs_backbone / mean,
    }
