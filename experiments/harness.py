"""What the harness costs: evaluating and training a dense network through it against bare PyTorch loops.

python experiments/harness.py --network resnet20 --threads 2
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import torch
import torch.nn.functional as F

from baselines.dense import Dense
from bench.data import DataSet, Split, load_data
from bench.measurement.clock import measure
from bench.measurement.clock import threads as using_threads
from bench.measurement.evaluation import evaluate
from bench.methods.interface import Budget
from bench.networks.backbones import Backbone, build_backbone
from bench.training import Checkpoint, Recipe, Trainer

BATCH = 128


@click.command()
@click.option("--network", default="resnet20")
@click.option("--threads", default=2)
@click.option("--seconds", default=30.0, help="for each comparison")
def main(network, threads, seconds):
    """What the harness costs: evaluating and training a dense network through it against bare PyTorch loops."""
    data = load_data("digits", None)
    backbone = build_backbone(network, classes=len(data.classes)).to(memory_format=torch.channels_last)
    with using_threads(threads), tempfile.TemporaryDirectory() as folder:
        comparisons = {
            f"evaluating {len(data.test)} images": evaluation(backbone, data),
            f"an epoch of {len(data.train)} images, validation and checkpoint included": epoch(
                backbone, data, Path(folder)
            ),
        }
        for what, contestants in comparisons.items():
            measured = measure(contestants, [torch.empty(0)], seconds)
            cost = measured.speedup("bench", "bare loop") - 1
            reasons = "; ".join(measured.invalid_reasons("bench", "bare loop")) or "valid"
            click.echo(f"{network}, {what}: bench costs {cost:+.1%} over a bare loop ({reasons})")


def evaluation(backbone: Backbone, data: DataSet) -> dict[str, Callable]:
    """Accuracy over the test split."""
    dense = Dense().build(backbone, None)
    return {
        "bench": lambda _: evaluate(dense, data, data.test),
        "bare loop": lambda _: bare_accuracy(backbone, data, data.test),
    }


def epoch(backbone: Backbone, data: DataSet, folder: Path) -> dict[str, Callable]:
    """One epoch of SGD on augmented images, validation accuracy, weights written to disk."""
    method = Dense()
    dense = method.build(backbone, None)
    stages = method.stages(dense, None, Budget(1, pretrained=True))
    checkpoint = folder / "checkpoint.pt"

    def through_bench(_) -> None:
        checkpoint.unlink(missing_ok=True)
        Trainer(dense, data, Recipe(batch_size=BATCH), Checkpoint(checkpoint)).fit(stages)

    def bare(_) -> None:
        backbone.train()
        optimiser = torch.optim.SGD(backbone.parameters(), 0.02, momentum=0.9, nesterov=True, weight_decay=5e-4)
        generator = torch.Generator().manual_seed(0)
        for images, labels in data.train.shuffled(BATCH, generator, data.augment):
            optimiser.zero_grad(set_to_none=True)
            F.cross_entropy(backbone(data.normalise(images)), labels).backward()
            optimiser.step()
        bare_accuracy(backbone, data, data.validation)
        torch.save({"network": backbone.state_dict(), "optimiser": optimiser.state_dict()}, folder / "bare.pt")

    return {"bench": through_bench, "bare loop": bare}


@torch.inference_mode()
def bare_accuracy(backbone: Backbone, data: DataSet, split: Split) -> float:
    """Share of right answers, by the shortest loop that gives it."""
    backbone.eval()
    correct = 0
    for images, labels in split.batches(data.evaluation_batch):
        correct += int((backbone(data.normalise(images)).argmax(1) == labels).sum())
    return correct / len(split)


if __name__ == "__main__":
    main()
