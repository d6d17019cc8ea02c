"""How much of the theoretical speed-up does skipping execution realise? Random gates, so training plays no part.

    python benchmarks/skipping.py --network resnet110 --gates layers --batch 1 --threads 2
    python benchmarks/skipping.py --network resnet110 --gates layers --batch 256 --device cuda

prints one table: keep ratio x technique, beside the best dense form of the same run. *Realised* is the measured
speed-up over that form, divided by the theoretical one (MACs, gates included): 1 is time that follows MACs exactly.
"""

from __future__ import annotations

from collections.abc import Callable

import click
import torch
from random_gates import NETWORKS, random_network
from torch import Tensor

from bench.clock import Measurement, measure
from bench.clock import threads as using_threads
from bench.dynamic.network import DynamicNetwork
from bench.dynamic.skipping import SkippingNetwork, skip
from bench.latency import DenseRival, speedup_theoretical

KEEP = (0.25, 0.5, 0.75)
DENSE = "dense"
GATES = {
    "none": {},
    "layers": {"layers": True},
    "channels": {"channels": True},
    "menu": {"channels": True, "menu": 4},
    "layers+menu": {"layers": True, "channels": True, "menu": 4},
}


@click.command(help=__doc__.split("\n")[0])
@click.option("--network", type=click.Choice(list(NETWORKS)), default="resnet110")
@click.option("--gates", type=click.Choice(list(GATES)), default="layers", help="none: the dense forms alone")
@click.option("--batch", default=1)
@click.option("--images", default=16, help="timed in every round; at least one batch")
@click.option("--threads", default=2)
@click.option("--device", default="cpu")
@click.option("--seconds", default=20.0, help="for each keep ratio")
@click.option("--compile/--no-compile", default=True, help="torch.compile among the dense forms")
def main(network, gates, batch, images, threads, device, seconds, compile):
    torch.manual_seed(0)
    backbone = NETWORKS[network]().to(device).eval()
    x = torch.randn(max(images, batch), *backbone.image_shape, device=device)
    batches = [part for part in x.split(batch) if len(part) == batch]
    with using_threads(threads):
        rival = DenseRival(backbone, compile)
        if gates == "none":
            print_dense(measure(rival.forms, batches, seconds), batch)
            return
        best = rival.best(batches)
        click.echo(f"{network}, {gates}, batch {batch}, {device}, {threads} threads; best dense form: {best}\n")
        click.echo("| keep | theory | technique | ms | realised | valid |\n| --- | --- | --- | --- | --- | --- |")
        for keep in KEEP:
            dynamic = random_network(network, keep, x, **GATES[gates])
            skipping = skip(dynamic)
            contestants = {DENSE: rival.forms[best]} | techniques(dynamic, skipping)
            theory = speedup_theoretical(skipping, rival.macs, torch.cat(batches))
            print_rows(keep, theory, measure(contestants, batches, seconds))


def techniques(network: DynamicNetwork, skipping: SkippingNetwork) -> dict[str, Callable[[Tensor], Tensor]]:
    """Ways to run the same decisions."""

    @torch.inference_mode()
    def masked(images: Tensor) -> Tensor:
        return network(images).logits

    calling = skip(network)
    calling.single_gates = None
    return {"masked, eager": masked, "skipping, router called": calling.predict, "skipping": skipping.predict}


def print_dense(measured: Measurement, batch: int) -> None:
    click.echo(f"| dense form | batch {batch}, ms |\n| --- | --- |")
    for name in measured.milliseconds:
        click.echo(f"| {name} | {measured.percentile(name, 50):.2f} |")


def print_rows(keep: float, theory: float, measured: Measurement) -> None:
    for name in measured.milliseconds:
        reasons = "; ".join(measured.invalid_reasons(DENSE, name)) or "yes"
        row = f"| {keep} | {theory:.2f} | {name} | {measured.percentile(name, 50):.2f} |"
        click.echo(f"{row} {'' if name == DENSE else f'{measured.speedup(DENSE, name) / theory:.2f}'} | {reasons} |")


if __name__ == "__main__":
    main()
