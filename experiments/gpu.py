"""What skipping gains on a GPU, by kernels whose programs leave where a sample needs no more. Random gates.

    python experiments/gpu.py --csv gpu.csv

measures network x gates x keep x batch x precision within ``--minutes``, the most telling combinations first, and says
what it had no time for. Of one network, batch and precision everything takes turns: the stock forms of the dense
network, the kernels' own dense network, and every gated one, each as a launch per unit, as one launch where that is
possible, and for small batches as a launch per unit and image on several streams. *Realised* is the speed-up over the
best stock form, divided by the theoretical one; *own* is over the dense network by the same kernels. Beside each row:
the largest difference to the masked network's logits, and what the arithmetic and the least bytes would take at the
rates of a matrix product and a copy that are measured here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import click
import pandas as pd
import torch
from gpu_budget import Budget
from gpu_forms import TYPES, roofs, stock_forms, use_precision
from random_gates import NETWORKS, random_exits, random_network
from torch import Tensor

from bench.execution.triton import TritonNetwork, missing
from bench.execution.triton.forms import unsupported_form
from bench.execution.triton.operations import multiplied
from bench.execution.triton.traffic import floor_bytes, moved_bytes
from bench.measurement.clock import Measurement, measure
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.system import environment
from bench.system.determinism import full_precision

GATES = {
    "none": {},
    "layers": {"layers": True},
    "channels": {"channels": True},
    "layers+channels": {"layers": True, "channels": True},
    "exits": {},
}
OF_TABLE = ["resnet20", "resnet110"]
FORMS = {"a launch per unit": "units", "one launch": "whole", "streams": "streams"}
STREAMED_BATCH, STREAMED_KEEP = 64, 0.5
"""Largest batch and only share kept of the form on streams, which launches every unit for every image."""
CALIBRATION, CHECKED = 256, 32
"""Images that gates are set by, and most that are compared with the masked network."""
RATES = ("theoretical", "form", "ms", "realised", "own")
COLUMNS = ("keep", *RATES, "padding", "moved_mb", "bytes_ms", "arithmetic_ms", "difference")


@click.command()
@click.option("--network", "networks", multiple=True, type=click.Choice(list(NETWORKS)), default=OF_TABLE)
@click.option("--gates", multiple=True, type=click.Choice(list(GATES)), default=list(GATES))
@click.option("--keep", multiple=True, type=click.FloatRange(0, 1), default=[0.25, 0.5, 0.75])
@click.option("--batch", "sizes", multiple=True, type=int, default=[256, 1, 64, 1024, 8])
@click.option(
    "--precision", "precisions", multiple=True, type=click.Choice(list(TYPES)), default=["float32", "bfloat16", "tf32"]
)
@click.option(
    "--compile", "compiled", multiple=True, type=click.Choice(list(NETWORKS)), help="race torch.compile for it as well"
)
@click.option("--seconds", default=2.5, help="for each network, batch and precision")
@click.option("--images", default=16, help="timed in every round; at least one batch")
@click.option("--minutes", default=9.0, help="begin no combination that would likely end behind these")
@click.option("--size", default=None, type=int, help="height of images, for trials")
@click.option("--csv", "file", type=click.Path(path_type=Path), help="write all rows there as well")
def main(networks, gates, keep, sizes, precisions, compiled, seconds, images, minutes, size, file):
    """What skipping gains on a GPU, by kernels whose programs leave where a sample needs no more."""
    if reason := missing():
        raise click.UsageError(reason)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    about, budget, left = circumstances(device), Budget(minutes), []
    click.echo(f"{about['machine']}, torch {about['torch']}, commit {about['commit']}\n")
    rows: list[dict] = []
    bench = Bench(device, list(itertools.product(gates, keep)), seconds, images, size)
    for precision, batch, network in itertools.product(precisions, sizes, networks):
        if not budget.allows(network, precision):
            left.append(f"{network}, batch {batch}, {precision}")
            continue
        with budget.spending(network, precision):
            found = list(bench.rows(network, batch, precision, network in compiled))
        print_rows(network, batch, precision, found)
        rows += [row | about for row in found]
        if file:
            pd.DataFrame(rows).to_csv(file, index=False)
    if left:
        click.echo(f"no time was left for {'; '.join(left)}")


class Bench:
    """Networks and images, made once, and what is measured of them."""

    def __init__(self, device: torch.device, gated: list, seconds: float, count: int, size: int | None):
        self.device, self.gated, self.seconds, self.count, self.size = device, gated, seconds, count, size
        self.made: dict[str, dict[tuple, DynamicNetwork]] = {}
        self.roofs: dict[str, tuple[float, float]] = {}

    def rows(self, network: str, batch: int, precision: str, compile: bool) -> Iterator[dict]:
        """One row for each form of each gated network."""
        use_precision(precision)
        if precision not in self.roofs:
            self.roofs[precision] = roofs(precision, self.device, self.seconds)
        networks = self.networks(network)
        dense = networks["none", 1.0].backbone
        stock = stock_forms(dense, precision, compile)
        forms = dict(self.forms(networks, precision, batch))
        batches = list(self.images(network, max(self.count, batch)).split(batch))
        contestants = stock | {name: form.predict for name, form in forms.items()}
        measured = measure(contestants, batches, self.seconds, max_seconds=8 * self.seconds)
        best = min(stock, key=lambda name: measured.percentile(name, 50))
        place = {"network": network, "batch": batch, "precision": precision, "best_stock": best}
        for (gates, keep, how), form in forms.items():
            row = place | {"gates": gates, "keep": keep, "form": how}
            row |= times(measured, best, (gates, keep, how), theoretical(form, batches))
            yield (
                row
                | self.bounds(form, batches[0], precision)
                | {"difference": difference(networks[gates, keep], form, batches[0][:CHECKED])}
            )

    def forms(
        self, networks: dict[tuple, DynamicNetwork], precision: str, batch: int
    ) -> Iterator[tuple[tuple, TritonNetwork]]:
        """By gates, keep and form; each network in the forms that know it."""
        for (gates, keep), network in networks.items():
            for how, form in FORMS.items():
                streamed = batch <= STREAMED_BATCH and keep in (1, STREAMED_KEEP)
                if not unsupported_form(network, form) and (form != "streams" or streamed):
                    yield (gates, keep, how), TritonNetwork(network, precision, form)

    def networks(self, name: str) -> dict[tuple, DynamicNetwork]:
        """By gates and keep; the dense one always."""
        if name not in self.made:
            full_precision()
            images = self.images(name, CALIBRATION if self.device.type == "cuda" else CHECKED)
            wanted = {("none", 1.0): None} | dict.fromkeys(self.gated)
            self.made[name] = {
                (gates, keep): random_exits(name, keep, images)
                if gates == "exits"
                else random_network(name, keep, images, **GATES[gates])
                for gates, keep in wanted
                if gates != "none" or keep == 1
            }
        return self.made[name]

    def images(self, network: str, count: int) -> Tensor:
        """``count`` images of noise of the size that ``network`` takes, always the same."""
        channels, height, width = NETWORKS[network]().image_shape
        size = (height, width) if self.size is None else (self.size, self.size)
        return torch.randn(count, channels, *size, generator=torch.Generator().manual_seed(0)).to(self.device)

    def bounds(self, form: TritonNetwork, batch: Tensor, precision: str) -> dict:
        """Milliseconds that the batch takes at least, what is moved, and what is multiplied for each MAC."""
        output, (products, copied) = form(batch), self.roofs[precision]
        program = form.replays[batch.shape].launches
        macs = float(form.cost(output).total.sum())
        least = floor_bytes(program.images, program.answers, program.launches)
        return {
            "macs": macs,
            "padding": multiplied(program.launches) / macs,
            "moved_mb": moved_bytes(program.launches) / 1e6,
            "least_mb": least / 1e6,
            "arithmetic_ms": 1e3 * macs / products,
            "bytes_ms": 1e3 * least / copied,
        }


@torch.inference_mode()
def theoretical(form: TritonNetwork, batches: list[Tensor]) -> float:
    """MACs of the dense backbone over the mean of these images'."""
    macs = torch.cat([form.cost(form(part)).total for part in batches])
    return count_backbone(form.network.backbone).total / float(macs.mean())


@torch.inference_mode()
def difference(network: DynamicNetwork, form: TritonNetwork, images: Tensor) -> float:
    """Of the logits to those of the masked network in float32, in units of its largest."""
    full_precision()
    expected = network(images).logits
    return float((form.predict(images) - expected).abs().max() / expected.abs().max())


def times(measured: Measurement, best: str, name: tuple, theory: float) -> dict:
    """Milliseconds, realised shares, and whether they may be trusted."""
    own = ("none", 1.0, name[2])
    reasons = measured.invalid_reasons(best, name) + measured.invalid_reasons(own, name)
    return {
        "theoretical": theory,
        "ms": measured.percentile(name, 50),
        "best_stock_ms": measured.percentile(best, 50),
        "own_dense_ms": measured.percentile(own, 50),
        "realised": measured.speedup(best, name) / theory,
        "own": measured.speedup(own, name) / theory,
        "rounds": measured.rounds,
        "valid": not reasons,
        "invalid_reasons": "; ".join(dict.fromkeys(reasons)),
    }


def circumstances(device: torch.device) -> dict:
    """Machine and commit."""
    known = environment.describe(device)
    machine = known["accelerator"] or f"{known['processor']}, kernels interpreted: no times of a GPU"
    return {"machine": machine, "torch": torch.__version__, "commit": environment.commit()}


def print_rows(network: str, batch: int, precision: str, rows: list[dict]) -> None:
    """A table of one network, batch and precision."""
    best = f"best stock form: {rows[0]['best_stock']}, {rows[0]['best_stock_ms']:.3f} ms"
    click.echo(f"{network}, batch {batch}, {precision}; {best}\n")
    click.echo(f"| gates | {' | '.join(COLUMNS)} | valid |\n|{' --- |' * (len(COLUMNS) + 2)}")
    for row in rows:
        values = [f"{row[name]:.3g}" if isinstance(row[name], float) else str(row[name]) for name in COLUMNS]
        click.echo(f"| {row['gates']} | {' | '.join(values)} | {row['invalid_reasons'] or 'yes'} |")
    click.echo()


if __name__ == "__main__":
    main()
