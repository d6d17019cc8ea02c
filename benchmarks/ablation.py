"""What each choice in LC-Net is worth: one is changed at a time, and validation images judge.

python benchmarks/ablation.py --data-dir DIR --weights results/cifar10-resnet20/dense-*/model.safetensors \
    --images 22500 --precision bfloat16 --csv results/ablation-lcnet.csv

All variants start from the same trained backbone and see the same batches. The test set is not touched.
"""

from __future__ import annotations

import contextlib
import copy
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from unittest import mock

import click
import pandas as pd
import torch
from torch import Tensor

import baselines.l1
import lcnet.gates
import lcnet.method
import lcnet.objective
import lcnet.router
import lcnet.static
from bench.choices import PRECISIONS
from bench.data import DataSet, load_data
from bench.measurement.evaluation import evaluate
from bench.methods.interface import Budget, Stage, joint_groups
from bench.networks.backbones import Backbone, build_backbone, load_weights
from bench.networks.blocks import ResidualBlock
from bench.networks.cost import count_backbone
from bench.networks.network import DynamicNetwork
from bench.statistics import paired_bootstrap
from bench.system import environment
from bench.system.files import file_hash
from bench.training import Recipe, Trainer
from lcnet.objective import PricedLoss


class PerImageLoss(PricedLoss):
    """Holds each image, not only the mean of the batch, to the operating point."""

    strength = 20.0

    def price(self, fractions: Tensor) -> Tensor:
        return super().price(fractions) + self.strength * fractions.float().var(unbiased=False)


class LittleDecay(lcnet.method.LCNet):
    """With a fifth of the weight decay in the backbone."""

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        (stage,) = super().stages(network, point, budget)
        backbone, router = stage.groups
        return [replace(stage, groups=[replace(backbone, weight_decay=1e-4), router])]


class Unalike(lcnet.method.LCNet):
    """Images differ from the start: stronger features than usual move all scores of a block up together."""

    def build(self, backbone: Backbone, point: float | None) -> DynamicNetwork:
        network = super().build(backbone, point)
        for net in (*network.router.layer_nets, *network.router.channel_nets):
            torch.nn.init.constant_(net.linear.weight, 0.5 * net.gain)
        return network


class LearnedMeans(lcnet.method.LCNet):
    """Mean scores learn as the weights do."""

    def stages(self, network: DynamicNetwork, point: float | None, budget: Budget) -> list[Stage]:
        (stage,) = super().stages(network, point, budget)
        return [replace(stage, groups=joint_groups(network, budget, lcnet.method.ROUTER_LR))]


@torch.no_grad()
def activations(block: ResidualBlock) -> Tensor:
    """What each inner channel contributes to the branch by the weights, ``[inner_channels]``: root mean square behind
    the ReLU, if what enters it is normal with the batch norm's shift and scale, times the norm of what reads it."""
    norm, reader = block.units[block.gated_unit].norm, block.units[block.gated_unit + 1].conv
    scale = norm.weight.abs().clamp(min=1e-12)
    ratio = norm.bias / scale
    normal = torch.distributions.Normal(torch.zeros_like(ratio), torch.ones_like(ratio))
    mean_square = scale**2 * ((1 + ratio**2) * normal.cdf(ratio) + ratio * normal.log_prob(ratio).exp())
    return mean_square.clamp(min=0).sqrt() * reader.weight.square().sum((0, 2, 3)).sqrt()


def alike(norms: list[Tensor], blocks: Tensor) -> list[Tensor]:
    """One score for all channels."""
    return [torch.full_like(norm, lcnet.gates.CHANNEL_SCORE / 2) for norm in norms]


@dataclass(frozen=True)
class Variant:
    """LC-Net with other values of what its modules name."""

    what: str
    changes: dict[tuple[ModuleType, str], object] = field(default_factory=dict)
    method: type = lcnet.method.LCNet
    distillation: float = 0.5

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for (module, name), value in self.changes.items():
                stack.enter_context(mock.patch.object(module, name, value))
            yield


ORDER, MEANS = (lcnet.router, "inner_norms"), (lcnet.gates, "spread_scores")
SHARPNESS, RATE = (lcnet.router, "SHARPNESS"), (lcnet.method, "ROUTER_LR")
LAYERS = (lcnet.gates, "LAYER_SCORE")
PRICE, LOSS = (lcnet.objective, "PRICE"), (lcnet.method, "PricedLoss")
DESCENT = (lcnet.objective, "DESCENT")
VARIANTS = {
    "base": Variant("as it is"),
    "static": Variant("gates learn nothing and treat all images alike", method=lcnet.static.LCNetStatic),
    "unalike": Variant("images differ from the start, by the strength of their features", method=Unalike),
    "frozen": Variant("the same, and gates learn nothing", {RATE: 0.0}, method=Unalike),
    "slow": Variant("gates learn at 0.001", {RATE: 0.001}),
    "fast": Variant("gates learn at 0.01", {RATE: 0.01}),
    "means": Variant("mean scores learn, too", method=LearnedMeans),
    "activations": Variant("channels in the order of their activations, not their filters", {ORDER: activations}),
    "common": Variant("one mean score for all channels", {MEANS: alike}),
    "among": Variant("blocks among the channels, at 3", {LAYERS: 3.0}),
    "soft": Variant("scales are scores, not 4 times sharper", {SHARPNESS: 1.0}),
    "sharp": Variant("scales are 16 times sharper", {SHARPNESS: 16.0}),
    "free": Variant("no price on MACs, the threshold alone", {PRICE: 0.0}),
    "dear": Variant("price on MACs 4 times as high", {PRICE: 8.0}),
    "late": Variant("target falls over half of the training", {DESCENT: {True: 0.5}}),
    "per-image": Variant("every image held to the operating point", {LOSS: PerImageLoss}),
    "decay": Variant("weight decay 1e-4 in the backbone, not 5e-4", method=LittleDecay),
    "undistilled": Variant("no distillation", distillation=0.0),
    "channels": Variant("C-Net alone", method=lcnet.method.CNet),
    "layers": Variant("L-Net alone", method=lcnet.method.LNet),
    "l1": Variant("no LC-Net: static pruning by L1 norm, trained likewise", method=baselines.l1.L1),
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

    dense_macs = count_backbone(backbone()).total
    base, rows = None, []
    known = environment.describe(torch.device("cpu"))
    about = {"dataset": dataset, "backbone": name, "start": file_hash(weights)[:12], "point": point, "epochs": epochs}
    about |= {"training_images": len(data.train), "validation_images": len(data.validation)}
    about |= {"precision": precision, "seed": seed}
    about |= {"machine": f"{known['processor']}, {known['instruction_set']}", "commit": environment.commit()}
    for key in dict.fromkeys(("base", *(only or VARIANTS))):
        network = trained(VARIANTS[key], backbone, data, point, epochs, seed, precision)
        samples = evaluate(network, data, data.validation).samples
        base = samples if base is None else base
        found = outcome(samples, base, dense_macs)
        rows.append({"variant": key, "what": VARIANTS[key].what} | found | about)
        click.echo("  ".join(str(value) for value in list(rows[-1].values())[:8]))
        if file:
            pd.DataFrame(rows).to_csv(file, index=False)


def trained(
    variant: Variant,
    backbone: Callable[[], Backbone],
    data: DataSet,
    point: float,
    epochs: int,
    seed: int,
    precision: str,
) -> DynamicNetwork:
    """The network that validation chose."""
    with variant.applied(), tempfile.TemporaryDirectory() as folder:
        method, start = variant.method(), backbone()
        teacher = copy.deepcopy(start) if variant.distillation else None
        torch.manual_seed(seed)
        network = method.build(start, point)
        recipe = Recipe(distillation=variant.distillation, precision=precision)
        trainer = Trainer(
            network, data, recipe, Path(folder) / "checkpoint.pt", point=point, seed=seed, teacher=teacher
        )
        trainer.fit(method.stages(network, point, Budget(epochs, pretrained=True)))
        return network


def outcome(samples: pd.DataFrame, base: pd.DataFrame, backbone_macs: int) -> dict:
    """Validation accuracy in percent, its difference from the base with a paired 95 % interval, and the cost."""
    difference = paired_bootstrap(100.0 * samples["correct"], 100.0 * base["correct"])
    fractions = samples["macs"] / backbone_macs
    return {
        "validation_top1": round(100 * samples["correct"].mean(), 2),
        "difference": round(difference.value, 2),
        "difference_low": round(difference.low, 2),
        "difference_high": round(difference.high, 2),
        "macs_fraction": round(fractions.mean(), 4),
        "macs_fraction_std": round(fractions.std(ddof=0), 4),
    }


if __name__ == "__main__":
    main()
