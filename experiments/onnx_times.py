"""How much of the theoretical speed-up do branches realise in ONNX Runtime? Random gates, so training plays no part.

    python experiments/onnx_times.py --network resnet56 --network resnet110 --threads 1 --csv onnx.csv

prints one row for each way to decide and each share that is kept: layer gates, exits, and a cascade with ``--first``
before the network. Each is exported with real branches and takes turns, one image at a time, with the dense network in
the same runtime and process. *Realised* is the measured speed-up divided by the theoretical one (MACs, gates included).
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
from random_gates import NETWORKS, random_cascade, random_exits, random_network
from skipping import circumstances, write
from torch import Tensor

from bench.execution.onnx.executor import OnnxNetwork
from bench.measurement.clock import Measurement, measure
from bench.measurement.clock import threads as using_threads
from bench.measurement.latency import speedup_theoretical
from bench.networks import Cascade, DynamicNetwork

DENSE = "dense in ONNX Runtime"
PATIENCE = 8.0
"""Rounds of slow networks go on for so many times ``--seconds``."""
KINDS = ("layers", "exits", "cascade")


@click.command()
@click.option("--network", "networks", multiple=True, type=click.Choice(list(NETWORKS)), default=["resnet56"])
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), default=KINDS)
@click.option("--keep", multiple=True, type=click.FloatRange(0, 1), default=(0.25, 0.5, 0.75))
@click.option("--first", type=click.Choice(list(NETWORKS)), default="resnet20", help="of a cascade")
@click.option("--images", default=16, help="timed in every round")
@click.option("--threads", default=1)
@click.option("--seconds", default=20.0, help="for each row")
@click.option("--csv", "file", type=click.Path(path_type=Path), help="write all rows there as well")
def main(networks, kinds, keep, first, images, threads, seconds, file):
    """How much of the theoretical speed-up do branches realise in ONNX Runtime? Random gates."""
    rows: list[dict] = []
    about = circumstances("cpu", images, threads)  # now: the file may be what makes the tree differ from its commit
    click.echo("| network | decides | keep | theory | dense ms | ms | speed-up | realised | valid |")
    click.echo("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with using_threads(threads):
        for name in networks:
            torch.manual_seed(0)
            x = torch.randn(images, *NETWORKS[name]().image_shape)
            dense = OnnxNetwork(DynamicNetwork(NETWORKS[name]().eval()))
            for kind in kinds:
                for share in keep:
                    deciding = OnnxNetwork(made(kind, name, first, share, x))
                    theory = speedup_theoretical(deciding, dense.backbone_cost.total, x)
                    measured = timed(dense, deciding, x, seconds)
                    rows.append({"network": name, "decides": kind, "keep": share} | row(theory, measured))
                    say(rows[-1])
                    if file:
                        write(file, [one | about for one in rows])


def made(kind: str, name: str, first: str, keep: float, images: Tensor) -> DynamicNetwork | Cascade:
    """A network that spends about ``keep`` of the MACs on ``images``."""
    if kind == "cascade":
        return random_cascade(first, name, keep, images)
    return random_exits(name, keep, images) if kind == "exits" else random_network(name, keep, images, layers=True)


def timed(dense: OnnxNetwork, deciding: OnnxNetwork, images: Tensor, seconds: float) -> Measurement:
    """Both in turns, one image at a time."""
    contestants = {DENSE: dense.predict, "deciding": deciding.predict}
    return measure(contestants, images.split(1), seconds, max_seconds=PATIENCE * seconds)


def row(theory: float, measured: Measurement) -> dict:
    """Times and ratios of one comparison."""
    speedup, reasons = measured.speedup(DENSE, "deciding"), measured.invalid_reasons(DENSE, "deciding")
    times = {"dense_ms": measured.percentile(DENSE, 50), "ms": measured.percentile("deciding", 50)}
    ratios = {"theoretical": theory, "speedup": speedup, "realised": speedup / theory, "rounds": measured.rounds}
    return times | ratios | {"valid": not reasons, "invalid_reasons": "; ".join(reasons)}


def say(row: dict) -> None:
    """One line of the table."""
    place = f"| {row['network']} | {row['decides']} | {row['keep']} | {row['theoretical']:.2f} "
    times = f"| {row['dense_ms']:.2f} | {row['ms']:.2f} | {row['speedup']:.2f} | {row['realised']:.2f} "
    click.echo(f"{place}{times}| {row['invalid_reasons'] or 'yes'} |")


if __name__ == "__main__":
    main()
