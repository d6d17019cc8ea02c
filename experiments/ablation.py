"""What each choice in LC-Net is worth: one is changed at a time, and validation images judge.

python experiments/ablation.py --data-dir DIR --weights results/cifar10-resnet20/dense-*/model.safetensors \
    --suite experiments/ablation-why-gates.yaml --csv results/ablation/lcnet-0.41-s0.csv

What is compared stands in a suite file; without one in ``ablation.yaml``, beside this program. All variants start from
the same trained backbone, or without ``--weights`` from the same initialisation, and see the same batches. The test set
is not touched.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pandas as pd
import torch
import yaml

from bench.choices import PRECISIONS
from bench.data import DataSet, load_data
from bench.measurement.evaluation import evaluate
from bench.methods import Budget, load_method
from bench.networks.backbones import Backbone, build_backbone, load_weights
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.statistics import paired_bootstrap
from bench.system import environment
from bench.system.files import file_hash
from bench.training import Checkpoint, Recipe, Trainer


@dataclass(frozen=True)
class Variant:
    """A method with its choices, and what is different in it."""

    what: str
    method: str
    distillation: float = 0.5


SETTINGS = ("dataset", "backbone", "point", "images", "epochs", "precision")
"""What a suite file may say beside its lines; the command line overrides it."""


def read_suite(context: click.Context, parameter: click.Parameter, path: Path) -> dict[str, Variant]:
    """The lines of a suite file, by name; its settings become the defaults of the other options.

    Raises:
        click.BadParameter: it cannot be read, or says something that no run could be made of.
    """
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        lines = {str(name): Variant(**line) for name, line in settings.pop("lines").items()}
        for line in lines.values():
            load_method(line.method)
        if unknown := set(settings) - set(SETTINGS):
            raise ValueError(f"unknown option {min(unknown)!r}")
    except Exception as error:
        what = f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise click.BadParameter(f"{path}: {what}") from error
    context.default_map = settings
    return lines


def chosen(lines: dict[str, Variant], only: Sequence[str]) -> dict[str, Variant]:
    """The first line, which others are compared with, and those of ``only``; all where it is empty.

    Raises:
        click.UsageError: a line that the suite does not have.
    """
    if unknown := [name for name in only if name not in lines]:
        raise click.UsageError(f"no line {unknown[0]!r}: choose from {', '.join(lines)}")
    return {name: lines[name] for name in (next(iter(lines)), *(only or lines))}


@click.command()
@click.option(
    "--suite",
    "lines",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path(__file__).with_suffix(".yaml"),
    is_eager=True,
    callback=read_suite,
    help="YAML: settings, which options override, and lines: name to what, method and perhaps distillation.",
)
@click.option(
    "--weights", type=click.Path(exists=True, path_type=Path), help="Default: an initialisation, by the seed."
)
@click.option("--dataset", default="cifar10")
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="BENCH_DATA")
@click.option("--backbone", default="resnet20")
@click.option("--point", default=0.6)
@click.option("--epochs", default=1)
@click.option("--images", type=int, help="Training images; all of them by default.")
@click.option("--precision", type=click.Choice(PRECISIONS), default=PRECISIONS[0], help="of training")
@click.option("--seed", default=0)
@click.option("--only", multiple=True, help="A line of the suite, beside its first one. Default: all.")
@click.option("--csv", "file", type=click.Path(path_type=Path), help="Written after every line.")
def main(lines, weights, dataset, data_dir, backbone, point, epochs, images, precision, seed, only, file):
    """What each choice in LC-Net is worth: one is changed at a time, and validation images judge."""
    lines = chosen(lines, only)
    data = load_data(dataset, data_dir)
    data = replace(data, train=data.train.first(images))

    def start() -> Backbone:
        torch.manual_seed(seed)
        fresh = build_backbone(backbone, len(data.classes))
        if weights:
            load_weights(fresh, weights)
        return fresh

    dense = count_backbone(start()).total
    unsure = -evaluate(DynamicNetwork(start()), data, data.validation).samples["confidence"] if weights else None
    base, rows = None, []
    known = environment.describe(torch.device("cpu"))
    about = {"dataset": dataset, "backbone": backbone, "start": file_hash(weights)[:12] if weights else None}
    about |= {"point": point}
    about |= {"epochs": epochs, "training_images": len(data.train), "validation_images": len(data.validation)}
    about |= {"precision": precision, "seed": seed}
    about |= {"machine": f"{known['processor']}, {known['instruction_set']}", "commit": environment.commit()}
    for key, line in lines.items():
        distillation = line.distillation if weights else 0.0
        recipe = Recipe(epochs=epochs, batch_size=128, distillation=distillation, precision=precision)
        network = trained(line.method, start(), data, Training(recipe, point, seed, bool(weights)))
        samples = evaluate(network, data, data.validation).samples
        base = samples if base is None else base
        unsure = -base["confidence"] if unsure is None else unsure
        found = outcome(samples, base, dense, unsure)
        rows.append({"variant": key, "what": line.what, "method": line.method} | found | about)
        click.echo("  ".join(str(value) for value in list(rows[-1].values())[:9]))
        if file:
            pd.DataFrame(rows).to_csv(file, index=False)


@dataclass(frozen=True)
class Training:
    """How a line is trained, and whether from trained weights."""

    recipe: Recipe
    point: float
    seed: int
    pretrained: bool


def trained(name: str, start: Backbone, data: DataSet, how: Training) -> DynamicNetwork:
    """The network that validation chose."""
    recipe, point = how.recipe, how.point
    with tempfile.TemporaryDirectory() as folder:
        method = load_method(name)
        teacher = copy.deepcopy(start) if recipe.distillation else None
        torch.manual_seed(how.seed)
        network = method.build(start, point)
        trainer = Trainer(
            network,
            data,
            recipe,
            Checkpoint(Path(folder) / "checkpoint.pt"),
            point=point,
            seed=how.seed,
            teacher=teacher,
        )
        trainer.fit(method.stages(network, point, Budget(recipe.epochs, how.pretrained)))
        return network


def outcome(samples: pd.DataFrame, base: pd.DataFrame, dense_macs: int, unsure: pd.Series) -> dict:
    """Validation accuracy in percent, its difference from the base with a paired 95 % interval, and the cost.

    ``cost_hardness`` is the rank correlation of each image's MACs with how ``unsure`` a network is of it: the dense one
    that all start from, or, without one, that of the first line.
    """
    difference = paired_bootstrap(100.0 * samples["correct"], 100.0 * base["correct"])
    fractions = samples["macs"] / dense_macs
    return {
        "validation_top1": round(100 * samples["correct"].mean(), 2),
        "difference": round(difference.value, 2),
        "difference_low": round(difference.low, 2),
        "difference_high": round(difference.high, 2),
        "macs_fraction": round(fractions.mean(), 4),
        "macs_fraction_std": round(fractions.std(ddof=0), 4),
        "cost_hardness": _rank_correlation(samples["macs"], unsure),
    }


def _rank_correlation(costs: pd.Series, hardness: pd.Series) -> float | None:
    """Spearman's; None where every image costs the same."""
    return round(costs.corr(hardness, method="spearman"), 3) if costs.nunique() > 1 else None


if __name__ == "__main__":
    main()
