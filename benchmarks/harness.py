"""What the harness costs: evaluating a dense network through it against a bare PyTorch loop on the same batches.

python benchmarks/harness.py --network resnet20 --threads 2
"""

from __future__ import annotations

import click
import torch

from bench.backbones import build_backbone
from bench.clock import measure
from bench.clock import threads as using_threads
from bench.data import load_data
from bench.dynamic.network import DynamicNetwork
from bench.evaluation import BATCH_SIZE, evaluate


@click.command(help=__doc__.split("\n")[0])
@click.option("--network", default="resnet20")
@click.option("--threads", default=2)
@click.option("--seconds", default=30.0)
def main(network, threads, seconds):
    data = load_data("digits", None)
    backbone = build_backbone(network, classes=len(data.classes)).to(memory_format=torch.channels_last).eval()
    dense = DynamicNetwork(backbone)

    @torch.inference_mode()
    def bare(_) -> int:
        correct = 0
        for images, labels in data.test.batches(BATCH_SIZE):
            correct += int((backbone(data.normalise(images)).argmax(1) == labels).sum())
        return correct

    contestants = {"bench": lambda _: evaluate(dense, data, data.test), "bare loop": bare}
    with using_threads(threads):
        measured = measure(contestants, [torch.empty(0)], seconds)
    cost = measured.speedup("bench", "bare loop") - 1
    click.echo(f"{network}, {len(data.test)} images: evaluation through bench costs {cost:+.1%} over a bare loop")
    click.echo("; ".join(measured.invalid_reasons("bench", "bare loop")) or "valid")


if __name__ == "__main__":
    main()
