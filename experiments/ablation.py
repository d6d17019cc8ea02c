"""What each choice in LC-Net is worth: one is changed at a time, and validation images judge.

python experiments/ablation.py --data-dir DIR --weights results/cifar10-resnet20/dense-*/model.safetensors \
    --images 22500 --precision bfloat16 --csv results/ablation/lcnet-0.6.csv

All variants start from the same trained backbone and see the same batches. The test set is not touched.
"""

from __future__ import annotations

import copy
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pandas as pd
import torch

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


VARIANTS = {
    "base": Variant("as it is", "lcnet"),
    "static": Variant("gates learn nothing and treat all images alike", "lcnet[learns=nothing]"),
    "unalike": Variant("images differ from the start, by the strength of their features", "lcnet[start=0.5]"),
    "frozen": Variant("the same, and gates learn nothing", "lcnet[start=0.5,learns=nothing]"),
    "slow": Variant("gates learn at 0.001", "lcnet[router_lr=0.001]"),
    "fast": Variant("gates learn at 0.01", "lcnet[router_lr=0.01]"),
    "means": Variant("mean scores learn, too", "lcnet[learns=all]"),
    "activations": Variant("channels in the order of their activations, not their filters", "lcnet[order=activations]"),
    "common": Variant("one mean score for all channels", "lcnet[order=none]"),
    "among": Variant("blocks among the channels, at 3", "lcnet[layer_score=3]"),
    "soft": Variant("scales are scores, not 4 times sharper", "lcnet[sharpness=1]"),
    "sharp": Variant("scales are 16 times sharper", "lcnet[sharpness=16]"),
    "free": Variant("no price on MACs, the threshold alone", "lcnet[price=0]"),
    "dear": Variant("price on MACs 4 times as high", "lcnet[price=8]"),
    "late": Variant("target falls over half of the training", "lcnet[descent=0.5]"),
    "per-image": Variant("every image held to the operating point", "lcnet[image_price=20]"),
    "decay": Variant("weight decay 1e-4 in the backbone, not 5e-4", "lcnet[decay=1e-4]"),
    "undistilled": Variant("no distillation", "lcnet", distillation=0.0),
    "channels": Variant("C-Net alone", "cnet"),
    "layers": Variant("L-Net alone", "lnet"),
    "noise": Variant("noise on scores, which fades", "lcnet_conditional[noise=1]"),
    "shaping": Variant("batch shaping: each gate both open and closed", "lcnet_conditional[shaping=1]"),
    "bounds": Variant("bounds on each block's share, released later", "lcnet_conditional[bounds=10]"),
    "spread-costs": Variant("a reward for costs that differ between images", "lcnet_conditional[spread=2]"),
    "hardness": Variant("MACs are cheaper for images of a high loss", "lcnet_conditional[hardness=1]"),
    "supervised": Variant("classifiers behind stages 1 and 2, in training alone", "lcnet_conditional[supervision=0.3]"),
    "spread-far": Variant("ten times the reward for costs that differ", "lcnet_conditional[spread=20]"),
    "hard-dear": Variant(
        "ten times the reward, and MACs are cheaper for images of a high loss",
        "lcnet_conditional[spread=20,hardness=1]",
    ),
    "together": Variant(
        "noise, batch shaping, prices by loss and classifiers behind stages",
        "lcnet_conditional[noise=1,shaping=1,hardness=1,supervision=0.3]",
    ),
    "l1": Variant("no LC-Net: static pruning by L1 norm, trained likewise", "l1"),
}


@click.command()
@click.option("--weights", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--dataset", default="cifar10")
@click.option("--data-dir", type=click.Path(path_type=Path), envvar="BENCH_DATA")
@click.option("--backbone", "name", default="resnet20")
@click.option("--point", default=0.6)
@click.option("--epochs", default=1)
@click.option("--images", type=int, help="Training images; all of them by default.")
@click.option("--precision", type=click.Choice(PRECISIONS), default=PRECISIONS[0], help="of training")
@click.option("--seed", default=0)
@click.option("--only", multiple=True, type=click.Choice(list(VARIANTS)))
@click.option("--csv", "file", type=click.Path(path_type=Path), help="Written after every variant.")
def main(weights, dataset, data_dir, name, point, epochs, images, precision, seed, only, file):
    """What each choice in LC-Net is worth: one is changed at a time, and validation images judge."""
    data = load_data(dataset, data_dir)
    data = replace(data, train=data.train.first(images))

    def backbone() -> Backbone:
        fresh = build_backbone(name, len(data.classes))
        load_weights(fresh, weights)
        return fresh

    dense = Reference.of(backbone(), data)
    base, rows = None, []
    known = environment.describe(torch.device("cpu"))
    about = {"dataset": dataset, "backbone": name, "start": file_hash(weights)[:12], "point": point, "epochs": epochs}
    about |= {"training_images": len(data.train), "validation_images": len(data.validation)}
    about |= {"precision": precision, "seed": seed}
    about |= {"machine": f"{known['processor']}, {known['instruction_set']}", "commit": environment.commit()}
    for key in dict.fromkeys(("base", *(only or VARIANTS))):
        recipe = Recipe(epochs=epochs, batch_size=128, distillation=VARIANTS[key].distillation, precision=precision)
        network = trained(VARIANTS[key].method, backbone(), data, point, recipe, seed)
        samples = evaluate(network, data, data.validation).samples
        base = samples if base is None else base
        found = outcome(samples, base, dense)
        rows.append({"variant": key, "what": VARIANTS[key].what, "method": VARIANTS[key].method} | found | about)
        click.echo("  ".join(str(value) for value in list(rows[-1].values())[:9]))
        if file:
            pd.DataFrame(rows).to_csv(file, index=False)


def trained(name: str, start: Backbone, data: DataSet, point: float, recipe: Recipe, seed: int) -> DynamicNetwork:
    """The network that validation chose."""
    with tempfile.TemporaryDirectory() as folder:
        method = load_method(name)
        teacher = copy.deepcopy(start) if recipe.distillation else None
        torch.manual_seed(seed)
        network = method.build(start, point)
        trainer = Trainer(
            network, data, recipe, Checkpoint(Path(folder) / "checkpoint.pt"), point=point, seed=seed, teacher=teacher
        )
        trainer.fit(method.stages(network, point, Budget(recipe.epochs, pretrained=True)))
        return network


@dataclass(frozen=True)
class Reference:
    """The dense network that all variants start from: its MACs, and how sure it is of each validation image."""

    macs: int
    confidence: pd.Series

    @classmethod
    def of(cls, backbone: Backbone, data: DataSet) -> Reference:
        """Measures it."""
        samples = evaluate(DynamicNetwork(backbone), data, data.validation).samples
        return cls(count_backbone(backbone).total, samples["confidence"])


def outcome(samples: pd.DataFrame, base: pd.DataFrame, dense: Reference) -> dict:
    """Validation accuracy in percent, its difference from the base with a paired 95 % interval, and the cost.

    ``cost_hardness`` is the rank correlation of each image's MACs with how unsure the dense network is of it.
    """
    difference = paired_bootstrap(100.0 * samples["correct"], 100.0 * base["correct"])
    fractions = samples["macs"] / dense.macs
    return {
        "validation_top1": round(100 * samples["correct"].mean(), 2),
        "difference": round(difference.value, 2),
        "difference_low": round(difference.low, 2),
        "difference_high": round(difference.high, 2),
        "macs_fraction": round(fractions.mean(), 4),
        "macs_fraction_std": round(fractions.std(ddof=0), 4),
        "cost_hardness": _rank_correlation(samples["macs"], -dense.confidence),
    }


def _rank_correlation(costs: pd.Series, hardness: pd.Series) -> float | None:
    """Spearman's; None where every image costs the same."""
    return round(costs.corr(hardness, method="spearman"), 3) if costs.nunique() > 1 else None


if __name__ == "__main__":
    main()
