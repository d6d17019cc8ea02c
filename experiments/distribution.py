"""What a shipped network takes for each single test image, beside the best stock form of its dense backbone.

python experiments/distribution.py results/cifar10-resnet20/lcnet-cifar10-resnet20-p0.6-s0-1a836b5f67 --data-dir DIR

Batch 1, gates included. An image's time is its median over the rounds; percentiles are over images.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch

from bench.data import load_data
from bench.execution import to_inference
from bench.measurement.clock import measure
from bench.measurement.clock import threads as using_threads
from bench.measurement.latency import DenseRival
from bench.networks.backbones import build_backbone
from bench.records import read_record, read_samples
from bench.system import environment
from bench.zoo.loading import load_pretrained

STOCK, SAME, DYNAMIC = "best stock dense form", "dense, same executor", "network"
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="BENCH_DATA")
@click.option("--executor", default="auto")
@click.option("--images", type=int, help="the first so many; all of them by default")
@click.option("--threads", default=2)
@click.option("--seconds", default=60.0)
@click.option("--compile/--no-compile", default=True, help="torch.compile among the stock forms")
@click.option("--csv", "file", type=click.Path(path_type=Path), help="write each image's times there")
def main(folder, data_dir, executor, images, threads, seconds, compile, file):
    """What a shipped network takes for each single test image, beside the best stock form of its dense backbone."""
    record = read_record(folder)
    data = load_data(record.dataset, data_dir)
    split = data.test.first(images)
    batches = list(data.normalise(split.images).split(1))
    network = to_inference(load_pretrained(folder, record, len(data.classes)), executor)
    with using_threads(threads):
        rival = DenseRival(build_backbone(record.backbone, len(data.classes)).eval(), compile)
        form = rival.best(batches[:64])
        contestants = {
            STOCK: rival.forms[form],
            SAME: rival.in_executor(network.executor),
            DYNAMIC: network.predict,
        }
        measured = measure(contestants, batches, seconds, max_seconds=8 * seconds)
    times = {name: np.median(measured.milliseconds[name], 0) for name in contestants}
    macs = read_samples(folder)["macs"].to_numpy()[: len(split)]
    click.echo(f"{len(split):,} images, {measured.rounds} rounds, {threads} threads, {network.executor}; {form}")
    click.echo(f"{environment.describe(torch.device('cpu'))['processor']}, commit {environment.commit()}\n")
    click.echo("| ms | " + " | ".join(f"{share} %" for share in PERCENTILES) + " | mean |")
    click.echo("| --- |" + " --- |" * (len(PERCENTILES) + 1))
    for name, values in times.items():
        print_row(name, [*np.percentile(values, PERCENTILES), values.mean()])
    print_row("MACs, millions", [*np.percentile(macs / 1e6, PERCENTILES), macs.mean() / 1e6])
    for reference in (STOCK, SAME):
        reasons = "; ".join(measured.invalid_reasons(reference, DYNAMIC)) or "valid"
        click.echo(f"\n{measured.speedup(reference, DYNAMIC):.2f} times as fast as the {reference} ({reasons})")
    click.echo(f"\ncorrelation of an image's time with its MACs: {np.corrcoef(times[DYNAMIC], macs)[0, 1]:.2f}")
    if file:
        pd.DataFrame({"index": split.indices.numpy(), "macs": macs} | times).to_csv(file, index=False)


def print_row(name: str, values: list[float]) -> None:
    """One row of percentiles."""
    click.echo(f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |")


if __name__ == "__main__":
    main()
