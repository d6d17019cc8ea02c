"""Synthetic but schema-true records, so that reports can be tested without training anything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from program import exit_code

from bench.data import load_data
from bench.records import SAMPLES_FILE, Record, write_record
from bench.statistics import wilson

BLOCKS, DENSE_MACS, GATE_MACS = 9, 40_551_040, 2_000
ENVIRONMENT = {"processor": "Synthetic CPU", "accelerator": "", "packages": {"torch": "0.0"}}
DIGITS = load_data("digits", None)
LABELS = {"digits": DIGITS.test.labels.numpy(), "cifar10": np.arange(1000) % 10}
INDICES = {"digits": DIGITS.test.indices.numpy(), "cifar10": np.arange(1000)}
DATA = {"digits": {"fingerprint": DIGITS.fingerprint(), "note": DIGITS.note}, "cifar10": {"fingerprint": "synthetic"}}


def synthetic_samples(dataset: str, fraction: float, top1: float, dynamic: bool, seed: int) -> pd.DataFrame:
    """Outcomes of ``dataset``'s test images for a network of nine blocks that executes about ``fraction`` of them."""
    generator = np.random.default_rng(seed)
    labels = LABELS[dataset]
    correct = generator.random(len(labels)) < top1 / 100
    probability = np.clip(fraction + 0.3 * np.cos(np.arange(BLOCKS)) + 0.05 * (labels[:, None] - 5), 0.02, 0.98)
    executed = generator.random((len(labels), BLOCKS)) < (probability if dynamic else 1)
    gate_macs = np.full(len(labels), GATE_MACS * BLOCKS * dynamic)
    share = executed.mean(1) if dynamic else fraction
    columns = {
        "index": INDICES[dataset],
        "label": labels,
        "prediction": np.where(correct, labels, (labels + 1) % 10),
        "correct": correct,
        "confidence": generator.uniform(0.5, 1, len(labels)).astype(np.float32),
        "macs": (share * DENSE_MACS + gate_macs).round().astype(np.int64),
        "gate_macs": gate_macs,
    }
    for block in range(BLOCKS if dynamic else 0):
        columns[f"executed_{block}"] = executed[:, block].astype(np.int8)
        columns[f"kept_{block}"] = generator.uniform(0.3, 1, len(labels)).astype(np.float32) * executed[:, block]
    return pd.DataFrame(columns)


def synthetic_record(samples: pd.DataFrame, **changes: object) -> Record:
    """The record that belongs to ``samples``; ``changes`` replaces any field."""
    correct, macs = int(samples["correct"].sum()), samples["macs"]
    low, high = wilson(correct, len(samples))
    measured = {
        "n_test": len(samples),
        "top1": 100 * correct / len(samples),
        "top1_low": low,
        "top1_high": high,
        "macs_mean": float(macs.mean()),
        "macs_std": float(macs.std(ddof=0)),
        "macs_p5": float(macs.quantile(0.05)),
        "macs_p50": float(macs.quantile(0.5)),
        "macs_p95": float(macs.quantile(0.95)),
        "gate_macs_mean": float(samples["gate_macs"].mean()),
        "macs_backbone": float(DENSE_MACS),
        "macs_fraction": float(macs.mean()) / DENSE_MACS,
    }
    fixed = {
        "schema_version": 1,
        "method": "dense",
        "dataset": "digits",
        "backbone": "resnet20",
        "point": None,
        "seed": 0,
        "stage_epochs": "main:1",
        "params": 272_474,
        "execution": "skipped",
        "device": "cpu",
        "threads": 1,
        "precision": "float32",
        "command": "bench run --methods dense",
        "commit": "0" * 40,
        "created_utc": "2020-01-01T00:00:00Z",
        "environment_id": "synthetic",
    }
    values = fixed | measured | changes
    details = {"environment": ENVIRONMENT, "config": {}, "data": DATA[values["dataset"]], "start": "own initialisation"}
    return Record(**(values | {"details": details | values.get("details", {})}))


class Runs:
    """A folder of runs that tests fill."""

    def __init__(self, folder: Path):
        self.folder = folder

    def add(
        self,
        method: str = "dense",
        dataset: str = "digits",
        point: float | None = None,
        seed: int = 0,
        top1: float = 90,
        dynamic: bool = False,
        **changes: object,
    ) -> Record:
        """Writes one job's folder and returns its record."""
        draw = abs(hash_of(method, dataset, point, seed))
        samples = synthetic_samples(dataset, point or 1.0, top1, dynamic, draw)
        identity = {"method": method, "dataset": dataset, "point": point, "seed": seed}
        record = synthetic_record(samples, **(identity | changes))
        job = self.folder / f"{dataset}-{draw}-{record.backbone}-{len(list(self.folder.iterdir()))}"
        job.mkdir()
        samples.to_parquet(job / SAMPLES_FILE)
        write_record(job, record)
        return record


def hash_of(*names: object) -> int:
    """A seed that is the same in every process."""
    return sum(ord(letter) * 31**place for place, letter in enumerate("/".join(map(str, names)))) % 2**32


METHODS = ("slim", "lnet", "cnet", "lcnet", "skipnet", "blockdrop", "channel-gating", "convnet-aig", "dynconv")


def timing(point: float, rank: int) -> dict[str, object]:
    """What a timed record knows; later methods gain less."""
    dense, latency = 10.0, 10.0 * point * (1.05 + 0.05 * rank)
    generator = np.random.default_rng(rank)
    rounds = {
        name: list(value * generator.uniform(0.99, 1.01, 10)) for name, value in (("method", latency), ("dense", dense))
    }
    return {
        "latency_ms_p50": latency,
        "latency_ms_p90": 1.1 * latency,
        "latency_ms_p99": 1.3 * latency,
        "dense_latency_ms_p50": dense,
        "speedup_theoretical": 1 / point,
        "speedup_latency": dense / latency,
        "details": {"timing": {"latency_rounds_ms": rounds}},
    }


def fill(runs: Runs) -> Runs:
    """Ten methods on two data sets: seeds, timing, an invalid record, a masked one, reported numbers."""
    for dataset in ("digits", "cifar10"):
        for seed in (0, 1, 2):
            runs.add("dense", dataset, seed=seed, top1=92, reported_top1=92.1, reported_source="A paper, table 1")
        for rank, method in enumerate(METHODS):
            for point in (0.4, 0.6, 0.8):
                timed = timing(point, rank) if rank % 2 else {}
                runs.add(
                    method,
                    dataset,
                    point,
                    top1=70 + 25 * point - rank,
                    dynamic=method != "slim",
                    execution="masked" if method == "dynconv" else "skipped",
                    valid=method != "blockdrop",
                    invalid_reasons="too few rounds" if method == "blockdrop" else "",
                    **timed,
                )
    return runs


def quick_run(out: Path, methods: str, published: Path | None = None, epochs: int = 0) -> Path:
    """Makes real records of tiny networks in ``out`` and may publish them; returns ``out``."""
    tiny = ("--backbone", "resnet8-w0.25", "--epochs", str(epochs), "--points", "0.5", "--no-timing")
    commands = [("run", "--methods", methods, *tiny, "--out", str(out))]
    if published:
        commands.append(("publish", str(out), "--to", str(published)))
    for command in commands:
        assert exit_code(*command) == 0
    return out
