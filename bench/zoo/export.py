"""Trained networks taken away: as files for other runtimes, compared with the network they were made from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from bench import __version__
from bench.data import DataSet, load_data
from bench.data.recorded import data_options, require_same_data
from bench.execution.onnx import Session, decided_by, output_of, to_onnx, to_program
from bench.networks.cascade import Cascade
from bench.networks.network import DynamicNetwork
from bench.records import Record, read_record
from bench.system.files import write_atomically
from bench.zoo.loading import load_pretrained
from bench.zoo.parity import Run


@dataclass(frozen=True, eq=False)
class Trained:
    """The trained network in a job's folder, and the images that it was trained and chosen on."""

    folder: Path
    record: Record
    network: DynamicNetwork | Cascade
    data: DataSet

    @classmethod
    def load(cls, folder: Path, data_dir: Path | None) -> Trained:
        """Of a finished job.

        Raises:
            BadInput: no finished job, or images that are not the recorded ones.
        """
        record = read_record(folder)
        data = load_data(record.dataset, data_dir, data_options(record))
        require_same_data(record, data)
        return cls(folder, record, load_pretrained(folder, record, len(data.classes)), data)

    def metadata(self, branches: bool) -> dict[str, str]:
        """What a deployed file says of itself: where it comes from, and how to feed and read it."""
        record, data = self.record, self.data
        return {
            "record": self.folder.resolve().name,
            "method": record.method,
            "point": "" if record.point is None else f"{record.point:g}",
            "backbone": record.backbone,
            "dataset": record.dataset,
            "commit": record.commit,
            "made_by": f"dynamic-inference-bench {__version__}",
            "input": "RGB divided by 255, less mean, divided by std",
            "mean": json.dumps(data.mean),
            "std": json.dumps(data.std),
            "classes": json.dumps(data.classes),
            "execution": described_execution(self.network, branches),
        }

    def write(self, path: Path, kind: str, branches: bool) -> Run:
        """Writes the network as ``kind``, ``onnx`` or ``torch``; returns how the written file runs.

        Raises:
            BadInput: a network that cannot be exported, a package that is missing, or a file that cannot be written.
        """
        metadata = self.metadata(branches)
        if kind == "onnx":
            content = to_onnx(self.network, branches, metadata).SerializeToString()
            run: Callable[[Tensor], dict[str, Tensor]] = Session(content, torch.get_num_threads()).run
        else:
            content, run = to_program(self.network, branches, metadata)
        write_atomically(path, lambda file: file.write_bytes(content))
        return lambda images: output_of(run(images), self.network)


def described_execution(network: DynamicNetwork | Cascade, branches: bool) -> str:
    """What of the saving is real in an exported file, in words."""
    decided = decided_by(network)
    branching = [kind for kind in decided if branches and kind != "channels"]
    masked = [kind for kind in decided if kind not in branching]
    said = [f"{' and '.join(branching)}: in branches"] * bool(branching)
    said += [f"{' and '.join(masked)}: all computed, then masked"] * bool(masked)
    return "; ".join(said) or "static: nothing is decided"
