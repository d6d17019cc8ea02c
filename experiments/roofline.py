"""Where dense networks lie under the roofs of this machine: what it computes at best, and what its memory delivers.

    python experiments/roofline.py --network resnet20 --network resnet110 --plot roofline

The roofs (Williams, Waterman and Patterson, *Roofline*, CACM 52, 2009) are measured in the same rounds as the networks:
multiply-adds of a large matrix product, bytes of a copy too long for the caches. A network's intensity is its
multiply-adds over the bytes that memory has to deliver at least once for each image: weights and pixels, as if the
caches held all feature maps. Batch 1.
"""

from __future__ import annotations

from pathlib import Path

import click
import matplotlib
import torch
from matplotlib.figure import Figure
from native import PRODUCT, SIDE, matrix_product
from random_gates import NETWORKS
from torch import Tensor

from bench.execution.native import NativeNetwork
from bench.measurement.clock import Measurement, measure
from bench.measurement.clock import threads as using_threads
from bench.measurement.latency import DenseRival
from bench.networks.backbones import Backbone
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.report.drawing import SCREEN
from bench.report.plots.accuracy import RC, save
from bench.system import environment

COPY = "copy"
NATIVE, STOCK = "compiled executor", "best stock form"
LONG = 1 << 26
"""Floats of the copy: 256 MiB, many times what caches hold."""
STYLES = {NATIVE: {"marker": "o", "color": "#0072B2"}, STOCK: {"marker": "s", "color": "#D55E00"}}


@click.command()
@click.option("--network", "networks", multiple=True, type=click.Choice(list(NETWORKS)), default=["resnet110"])
@click.option("--images", default=4, help="timed in every round")
@click.option("--threads", default=2)
@click.option("--seconds", default=20.0, help="for each network")
@click.option("--compile/--no-compile", default=True, help="torch.compile among the stock forms")
@click.option("--plot", type=click.Path(path_type=Path), help="write NAME.svg and NAME.png")
def main(networks, images, threads, seconds, compile, plot):
    """Where dense networks lie under the roofs of this machine."""
    known = environment.describe(torch.device("cpu"))
    click.echo(f"{known['processor']}, {known['instruction_set']}, {threads} threads, commit {environment.commit()}\n")
    click.echo("| network | form | ms | GMAC/s | of the matrix product | MACs per byte | GB/s of at least | valid |")
    click.echo("| --- | --- | --- | --- | --- | --- | --- | --- |")
    points, roofs = [], []
    with using_threads(threads):
        for name in networks:
            torch.manual_seed(0)
            backbone = NETWORKS[name]().eval()
            macs, moved = count_backbone(backbone).total, bytes_moved(backbone)
            measured = race(backbone, torch.randn(images, *backbone.image_shape), seconds, compile)
            roofs.append((product_rate(measured), copy_rate(measured)))
            for form in STYLES:
                points.append((name, form, macs / moved, 1e3 * macs / measured.percentile(form, 50)))
                print_row(name, form, macs, moved, measured)
    compute, memory = (sum(values) / len(values) for values in zip(*roofs))
    click.echo(f"\nroofs, means over the networks: {compute / 1e9:.1f} GMAC/s, {memory / 1e9:.1f} GB/s")
    if plot:
        draw(points, compute, memory, plot)


def race(backbone: Backbone, images: Tensor, seconds: float, compile: bool) -> Measurement:
    """The network's two forms and the two roofs, in turns."""
    rival, batches = DenseRival(backbone, compile), list(images.split(1))
    source, target = torch.zeros(LONG), torch.zeros(LONG)
    contestants = {
        NATIVE: NativeNetwork(DynamicNetwork(backbone)).predict,
        STOCK: rival.forms[rival.best(batches)],
        PRODUCT: matrix_product(),
        COPY: lambda _: target.copy_(source),
    }
    return measure(contestants, batches, seconds)


def bytes_moved(backbone: Backbone) -> int:
    """Of all weights and one image, in float32."""
    floats = sum(parameter.numel() for parameter in backbone.parameters())
    channels, height, width = backbone.image_shape
    return 4 * (floats + channels * height * width)


def product_rate(measured: Measurement) -> float:
    """Multiply-adds per second."""
    return 1e3 * SIDE**3 / measured.percentile(PRODUCT, 50)


def copy_rate(measured: Measurement) -> float:
    """Bytes per second, read and written."""
    return 1e3 * 2 * 4 * LONG / measured.percentile(COPY, 50)


def print_row(network: str, form: str, macs: int, moved: int, measured: Measurement) -> None:
    """A form's rate, and its shares of both roofs."""
    milliseconds = measured.percentile(form, 50)
    rate = 1e3 * macs / milliseconds
    reasons = "; ".join(measured.invalid_reasons(PRODUCT, form)) or "yes"
    click.echo(
        f"| {network} | {form} | {milliseconds:.2f} | {rate / 1e9:.1f} | {rate / product_rate(measured):.0%} "
        f"| {macs / moved:.0f} | {1e3 * moved / milliseconds / 1e9:.2f} | {reasons} |"
    )


def draw(points: list[tuple[str, str, float, float]], compute: float, memory: float, path: Path) -> None:
    """Attainable multiply-adds per second over multiply-adds per byte, and where the networks are."""
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(5, 3.2))
        axes = figure.subplots()
        reach = [0.5, compute / memory, 200]
        axes.loglog(reach, [min(compute, memory * x) / 1e9 for x in reach], color="#000000", label="attainable")
        for name, form, intensity, rate in points:
            axes.plot(intensity, rate / 1e9, **STYLES[form])
            side = {"xytext": (6, -3), "ha": "left"} if form == NATIVE else {"xytext": (-6, -9), "ha": "right"}
            axes.annotate(name, (intensity, rate / 1e9), textcoords="offset points", **side)
        for form, style in STYLES.items():
            axes.plot([], [], linestyle="", label=form, **style)
        axes.set(xlabel="multiply-adds per byte of weights and image", ylabel="GMAC/s", ylim=(5, 2e-9 * compute))
        axes.legend(loc="lower right")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        save(figure, path.parent, path.name, SCREEN)


if __name__ == "__main__":
    main()
