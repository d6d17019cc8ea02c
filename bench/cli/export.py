"""``bench export``: a trained network as a file for other runtimes."""

from __future__ import annotations

from pathlib import Path

import click

from bench.choices import EXPORTS
from bench.cli.values import FILE, FOLDER, data_dir_option
from bench.errors import BadInput, CheckFailed

FORMAT = "onnx, for ONNX Runtime and others; torch: a program for torch.export.load."
BATCH = "one image, with what is decided away in branches; any number of images, masked."
INT8 = "Quantise a static network, calibrated on training images; its accuracy, size and time beside float32."
IMAGES = "Validation images that the file is compared on."


@click.command()
@click.argument("job", type=FOLDER, metavar="RUN")
@click.option("--format", "kind", type=click.Choice(list(EXPORTS)), default="onnx", show_default=True, help=FORMAT)
@click.option("--batch", type=click.Choice(["one", "any"]), default="one", show_default=True, help=BATCH)
@click.option("--int8", is_flag=True, help=INT8)
@click.option("--images", type=click.IntRange(min=1), default=1000, show_default=True, help=IMAGES)
@click.option("--out", type=FILE, help="The file. Default: the name of RUN, here.")
@data_dir_option
def export(job: Path, kind: str, batch: str, int8: bool, images: int, out: Path | None, data_dir: Path | None) -> None:
    """Writes the trained network in folder RUN as a file for other runtimes, and compares that file with the network.

    Skipped blocks, early answers and the members of a cascade are branches; channels are masked. Exit code 1 where
    decisions or logits differ by more than rounding.
    """
    if int8 and kind != "onnx":
        raise BadInput("--int8 goes with --format onnx")
    from bench.zoo.export import Trained
    from bench.zoo.parity import compare
    from bench.zoo.quantise import quantise

    trained = Trained.load(job, data_dir)
    path = out or Path(f"{job.resolve().name}{'-int8' if int8 else ''}.{EXPORTS[kind]}")
    if int8:
        click.echo(f"{path}\n{quantise(trained, path, images)}")
        return
    run = trained.write(path, kind, branches=batch == "one")
    click.echo(f"{path}: {path.stat().st_size:,} bytes; {trained.metadata(batch == 'one')['execution']}")
    parity = compare(run, trained.network, trained.data, images)
    click.echo(parity)
    if not parity.holds:
        raise CheckFailed(f"{path} is not the network in {job}")
