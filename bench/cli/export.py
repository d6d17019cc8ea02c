"""``bench export``: a trained network as a file for other runtimes."""

from __future__ import annotations

from pathlib import Path

import click

from bench.choices import EXPORTS
from bench.cli.values import FILE, FOLDER, data_dir_option
from bench.errors import CheckFailed

FORMAT = "onnx, for ONNX Runtime and others; torch: a program for torch.export.load."
BATCH = "one image, with what is decided away in branches; any number of images, masked."
IMAGES = "Validation images that the file is compared on."


@click.command()
@click.argument("job", type=FOLDER, metavar="RUN")
@click.option("--format", "kind", type=click.Choice(list(EXPORTS)), default="onnx", show_default=True, help=FORMAT)
@click.option("--batch", type=click.Choice(["one", "any"]), default="one", show_default=True, help=BATCH)
@click.option("--images", type=click.IntRange(min=1), default=1000, show_default=True, help=IMAGES)
@click.option("--out", type=FILE, help="The file. Default: the name of RUN, here.")
@data_dir_option
def export(job: Path, kind: str, batch: str, images: int, out: Path | None, data_dir: Path | None) -> None:
    """Writes the trained network in folder RUN as a file for other runtimes, and compares that file with the network.

    Skipped blocks, early answers and the members of a cascade are branches; channels are masked. Exit code 1 where
    decisions or logits differ by more than rounding.
    """
    from bench.zoo.export import Trained
    from bench.zoo.parity import compare

    trained = Trained.load(job, data_dir)
    path = out or Path(f"{job.resolve().name}.{EXPORTS[kind]}")
    run = trained.write(path, kind, branches=batch == "one")
    click.echo(f"{path}: {path.stat().st_size:,} bytes; {trained.metadata(batch == 'one')['execution']}")
    parity = compare(run, trained.network, trained.data, images)
    click.echo(parity)
    if not parity.holds:
        raise CheckFailed(f"{path} is not the network in {job}")
