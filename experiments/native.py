"""What the compiled executor makes of dense networks and of skipping. Random gates, so training plays no part.

    python experiments/native.py --network resnet110 --threads 2

prints two tables. Dense: the compiled executor beside every stock form and, with ``--peers``, ONNX Runtime and OpenVINO
(``pip install -e '.[peers]'``). Skipping: *realised* is the speed-up over the compiled executor's own dense network,
divided by the theoretical one (MACs, gates included); the speed-up over the best stock form stands beside it, because
it mixes better kernels with skipping. Contestants take turns in one process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import torch
from random_gates import NETWORKS, random_network
from torch import Tensor

from bench.execution.folding import folded
from bench.execution.native import NativeNetwork
from bench.measurement.clock import Measurement, measure
from bench.measurement.clock import threads as using_threads
from bench.measurement.dense import Predict
from bench.measurement.latency import DenseRival, speedup_theoretical
from bench.networks.backbones import Backbone
from bench.networks.network import DynamicNetwork

KEEP = (0.25, 0.5, 0.75)
STOCK, NATIVE = "stock dense", "native dense"
PRODUCT, SIDE = "matrix product", 1024
"""What this machine reaches at its best: the product of two square matrices, on the same threads in the same rounds."""
GATES = {
    "layers": {"layers": True},
    "channels": {"channels": True},
    "layers+channels": {"layers": True, "channels": True},
    "layers+menu": {"layers": True, "channels": True, "menu": 4},
}


@click.command()
@click.option("--network", type=click.Choice(list(NETWORKS)), default="resnet110")
@click.option("--gates", multiple=True, type=click.Choice(list(GATES)), default=list(GATES)[:3])
@click.option("--batch", default=1)
@click.option("--images", default=16, help="timed in every round; at least one batch")
@click.option("--threads", default=2)
@click.option("--seconds", default=10.0, help="for each comparison")
@click.option("--compile/--no-compile", default=True, help="torch.compile among the stock forms")
@click.option("--peers/--no-peers", default=False, help="ONNX Runtime and OpenVINO among the dense forms")
def main(network, gates, batch, images, threads, seconds, compile, peers):
    """What the compiled executor makes of dense networks and of skipping. Random gates, so training plays no part."""
    torch.manual_seed(0)
    backbone = NETWORKS[network]().eval()
    x = torch.randn(max(images, batch), *backbone.image_shape)
    batches = [part for part in x.split(batch) if len(part) == batch]
    with using_threads(threads):
        native = NativeNetwork(DynamicNetwork(backbone))
        rival = DenseRival(backbone, compile)
        stock = rival.best(batches)
        click.echo(f"{network}, batch {batch}, {threads} threads, {native.target}\n")
        others = peer_forms(backbone, batches[0], threads) if peers else {}
        forms = {NATIVE: native.predict} | rival.forms | others | {PRODUCT: matrix_product()}
        print_dense(measure(forms, batches, seconds), rival.macs * batch)
        click.echo("\n| gates | keep | theory | ms | realised | speed-up over the best stock form | valid |")
        click.echo("| --- | --- | --- | --- | --- | --- | --- |")
        for name in gates:
            for keep in KEEP:
                dynamic = NativeNetwork(random_network(network, keep, x, **GATES[name]))
                theory = speedup_theoretical(dynamic, rival.macs, torch.cat(batches))
                contestants = {STOCK: rival.forms[stock], NATIVE: native.predict, name: dynamic.predict}
                print_row(name, keep, theory, measure(contestants, batches, seconds))


def print_dense(measured: Measurement, macs: int) -> None:
    """Times, what the compiled executor takes of each, and the share that each reaches of a matrix product's rate."""
    click.echo("| dense form | ms | native takes | GMAC/s | of a matrix product's | valid |")
    click.echo("| --- | --- | --- | --- | --- | --- |")
    best = SIDE**3 / measured.percentile(PRODUCT, 50)
    for name in measured.milliseconds:
        milliseconds = measured.percentile(name, 50)
        rate = (SIDE**3 if name == PRODUCT else macs) / milliseconds
        takes = f"{1 / measured.speedup(name, NATIVE):.2f}" if name != PRODUCT else ""
        reasons = "; ".join(measured.invalid_reasons(name, NATIVE)) or "yes"
        click.echo(f"| {name} | {milliseconds:.2f} | {takes} | {rate / 1e6:.1f} | {rate / best:.0%} | {reasons} |")


def matrix_product() -> Callable[[Tensor], Tensor]:
    """Multiplies two matrices of SIDE x SIDE, whatever the images."""
    a, b, c = (torch.rand(SIDE, SIDE) for _ in range(3))
    return lambda images: torch.matmul(a, b, out=c)


def print_row(name: str, keep: float, theory: float, measured: Measurement) -> None:
    """Milliseconds of skipping, the realised share of the theory, and the speed-up over the best stock form."""
    realised, speedup = measured.speedup(NATIVE, name) / theory, measured.speedup(STOCK, name)
    reasons = "; ".join(measured.invalid_reasons(NATIVE, name)) or "yes"
    milliseconds = measured.percentile(name, 50)
    click.echo(f"| {name} | {keep} | {theory:.2f} | {milliseconds:.2f} | {realised:.2f} | {speedup:.2f} | {reasons} |")


def peer_forms(backbone: Backbone, batch: Tensor, threads: int) -> dict[str, Predict]:
    """``backbone`` in other people's runtimes, for batches of the size of ``batch``."""
    return {
        name: checked(build(folded(backbone), batch, threads), backbone, batch)
        for name, build in {"ONNX Runtime": onnx_runtime, "OpenVINO": openvino}.items()
    }


def checked(predict: Predict, backbone: Backbone, batch: Tensor) -> Predict:
    """A rival that computes something else is none."""
    with torch.inference_mode():
        torch.testing.assert_close(predict(batch), backbone(batch), rtol=1e-3, atol=1e-3)
    return predict


def onnx_runtime(backbone: Backbone, batch: Tensor, threads: int) -> Callable[[Tensor], Tensor]:
    """``backbone`` in ONNX Runtime, on the CPU with ``threads`` threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dense.onnx"
        torch.onnx.export(backbone, (batch,), path, input_names=["images"], dynamo=False)
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


def openvino(backbone: Backbone, batch: Tensor, threads: int) -> Callable[[Tensor], Tensor]:
    """``backbone`` in OpenVINO, in float32, for latency."""
    import openvino

    model = openvino.convert_model(backbone, example_input=batch, input=[tuple(batch.shape)])
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(model, "CPU", settings)
    return lambda images: torch.from_numpy(compiled(images.numpy())[0])


if __name__ == "__main__":
    main()
