"""How much of the theoretical speed-up does skipping execution realise? Random gates, so training plays no part.

    python experiments/skipping.py --network resnet110 --gates layers --batch 1 --threads 2
    python experiments/skipping.py --network resnet110 --gates layers --batch 256 --device cuda

prints one table for each combination: keep ratio x technique, beside the best dense form of the same run. *Realised* is
the measured speed-up over that form, divided by the theoretical one (MACs, gates included): 1 is time that follows MACs
exactly. With ``--csv FILE`` the rows are also written there, one file for all combinations (docs/skipping.md).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import click
import pandas as pd
import torch
from random_gates import NETWORKS, pruned_network, random_cascade, random_exits, random_network
from torch import Tensor

from bench.execution import runs_natively, to_inference
from bench.execution.skipping import SkippingNetwork, lower
from bench.measurement.clock import Measurement, measure
from bench.measurement.clock import threads as using_threads
from bench.measurement.latency import DenseRival, speedup_theoretical
from bench.networks import Cascade, DynamicNetwork
from bench.system import environment
from bench.system.determinism import full_precision

KEEP = (0.25, 0.5, 0.75)
DENSE, NATIVE_DENSE, NATIVE = "dense", "dense, compiled executor", "skipping, compiled executor"
PATIENCE = 8.0
"""Rounds of slow networks go on for so many times ``--seconds``."""
GATES = {
    "none": {},
    "layers": {"layers": True},
    "channels": {"channels": True},
    "menu": {"channels": True, "menu": 4},
    "layers+channels": {"layers": True, "channels": True},
    "layers+menu": {"layers": True, "channels": True, "menu": 4},
    "pruned": {},
    "exits": {},
    "cascade": {},
}
"""``none``: the dense forms alone; ``pruned``: no gates, channels removed for all images as by static rivals; ``exits``
behind a quarter and a half of the MACs; ``cascade``: ``--first`` in front of the network."""


@click.command()
@click.option("--network", "networks", multiple=True, type=click.Choice(list(NETWORKS)), default=["resnet110"])
@click.option("--gates", multiple=True, type=click.Choice(list(GATES)), default=["layers"])
@click.option("--keep", multiple=True, type=click.FloatRange(0, 1), default=KEEP)
@click.option("--first", type=click.Choice(list(NETWORKS)), default="resnet20", help="of a cascade")
@click.option("--batch", "sizes", multiple=True, type=int, default=[1])
@click.option("--images", default=16, help="timed in every round; at least one batch")
@click.option("--threads", default=2)
@click.option("--device", default="cpu")
@click.option("--seconds", default=20.0, help="for each keep ratio")
@click.option("--compile/--no-compile", default=True, help="torch.compile among the dense forms")
@click.option("--masked/--no-masked", default=True, help="also the slower ways to run the same decisions")
@click.option("--csv", "file", type=click.Path(path_type=Path), help="write all rows there as well")
def main(networks, gates, keep, first, sizes, images, threads, device, seconds, compile, masked, file):
    """How much of the theoretical speed-up does skipping execution realise? Random gates, so training plays no part."""
    rows: list[dict] = []
    full_precision()
    # Now: once the file is written, it may be what makes the working tree differ from its commit.
    about = circumstances(device, images, threads)
    with using_threads(threads):
        for network in networks:
            torch.manual_seed(0)
            backbone = NETWORKS[network]().to(device).eval()
            rival = DenseRival(backbone, compile)
            for batch, kind in itertools.product(sizes, gates):
                x = torch.randn(max(images, batch), *backbone.image_shape, device=device)
                batches = [part for part in x.split(batch) if len(part) == batch]
                if kind == "none":
                    print_dense(measure(rival.forms, batches, seconds), batch)
                    continue
                best = rival.best(batches)
                click.echo(f"{network}, {kind}, batch {batch}, {device}, {threads} threads; best dense form: {best}\n")
                click.echo(
                    "| keep | theory | technique | ms | realised | valid |\n| --- | --- | --- | --- | --- | --- |"
                )
                place = {"network": network, "gates": kind, "batch": batch, "dense_form": best}
                for share in keep:
                    dynamic = gated(network, kind, share, torch.cat(batches), first)
                    theory, measured = compare(rival, best, dynamic, batches, seconds, masked)
                    print_rows(share, theory, measured)
                    rows += table_rows(place | {"keep": share}, theory, measured)
                    if file:  # After each, so that a long run that is stopped has not been for nothing.
                        write(file, [row | about for row in rows])


def gated(network: str, kind: str, keep: float, images: Tensor, first: str) -> DynamicNetwork | Cascade:
    """A network of which about ``keep`` runs, on the device of ``images``."""
    if kind == "pruned":
        return pruned_network(network, keep).to(images.device)
    if kind == "cascade":
        return random_cascade(first, network, keep, images)
    if kind == "exits":
        return random_exits(network, keep, images)
    return random_network(network, keep, images, **GATES[kind])


def compare(
    rival: DenseRival,
    best: str,
    dynamic: DynamicNetwork | Cascade,
    batches: list[Tensor],
    seconds: float,
    masked: bool,
) -> tuple[float, Measurement]:
    """Theoretical speed-up, and the times of everything that takes turns."""
    skipping = lower(dynamic)
    contestants = {DENSE: rival.forms[best]} | (techniques(dynamic) if masked else {})
    contestants["skipping"] = skipping.predict
    if runs_natively(dynamic):
        contestants |= {NATIVE_DENSE: rival.in_executor("native"), NATIVE: to_inference(dynamic, "native").predict}
    theory = speedup_theoretical(skipping, rival.macs, torch.cat(batches))
    return theory, measure(contestants, batches, seconds, max_seconds=PATIENCE * seconds)


def techniques(network: DynamicNetwork | Cascade) -> dict[str, Callable[[Tensor], Tensor]]:
    """Slower ways to run the same decisions."""

    @torch.inference_mode()
    def masked(images: Tensor) -> Tensor:
        return network(images).logits

    calling = lower(network)
    if not isinstance(calling, SkippingNetwork) or calling.single_gates is None:
        return {"masked, eager": masked}
    calling.single_gates = None
    return {"masked, eager": masked, "skipping, router called": calling.predict}


def reference(name: str) -> str:
    """The dense contestant that ``name`` is compared with: in the compiled executor the one in the same executor."""
    return NATIVE_DENSE if name == NATIVE else DENSE


def table_rows(place: dict, theory: float, measured: Measurement) -> list[dict]:
    """One row for each technique."""
    rows = []
    for name in measured.milliseconds:
        if name in (DENSE, NATIVE_DENSE):
            continue
        dense = reference(name)
        speedup, reasons = measured.speedup(dense, name), measured.invalid_reasons(dense, name)
        times = {"ms": measured.percentile(name, 50), "dense_ms": measured.percentile(dense, 50)}
        row = place | {"technique": name, "against": dense, "theoretical": theory} | times
        row |= {"speedup": speedup, "realised": speedup / theory, "rounds": measured.rounds}
        rows.append(row | {"valid": not reasons, "invalid_reasons": "; ".join(reasons)})
    return rows


def circumstances(device: str, images: int, threads: int) -> dict:
    """Machine and commit."""
    known = environment.describe(torch.device(device))
    machine = f"{known['accelerator'] or known['processor']}, {known['instruction_set']}, {threads} threads"
    return {"images": images, "machine": machine, "torch": torch.__version__, "commit": environment.commit()}


def write(file: Path, rows: list[dict]) -> None:
    """The rows so far."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(file, index=False)


def print_dense(measured: Measurement, batch: int) -> None:
    """Milliseconds of each dense form."""
    click.echo(f"| dense form | batch {batch}, ms |\n| --- | --- |")
    for name in measured.milliseconds:
        click.echo(f"| {name} | {measured.percentile(name, 50):.2f} |")


def print_rows(keep: float, theory: float, measured: Measurement) -> None:
    """Milliseconds and realised share of each way to run the network."""
    for name in measured.milliseconds:
        dense = reference(name)
        reasons = "; ".join(measured.invalid_reasons(dense, name)) or "yes"
        realised = "" if name in (DENSE, NATIVE_DENSE) else f"{measured.speedup(dense, name) / theory:.2f}"
        click.echo(f"| {keep} | {theory:.2f} | {name} | {measured.percentile(name, 50):.2f} | {realised} | {reasons} |")


if __name__ == "__main__":
    main()
