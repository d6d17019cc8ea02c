"""What is made of timm's networks: blocks, difference of logits, MACs beside those of another counter, or the refusal.

    python experiments/backbones.py --out results/backbones
    python experiments/backbones.py --train --out results/backbones

Weights are random. Logits are compared on small images where the network takes any, with scales drawn at random. MACs
are those of one image of the network's own size: ours of its adapted form beside those that PyTorch's
``FlopCounterMode`` sees in timm's own. With ``--train``, one network of each family is trained instead
(``families.py``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import pandas as pd
import torch
from families import TRAINED, blocks_with_channels, trained
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.errors import BadInput
from bench.networks.backbones.imagenet import from_timm, see
from bench.networks.backbones.traced import models
from bench.networks.cost import count_backbone
from bench.system import environment

FAMILIES = {
    "ResNet": ("resnet18", "resnet50d", "seresnet18", "ecaresnet26t", "resnetrs50", "skresnet18", "resnetaa50d"),
    "ResNeXt": ("resnext50_32x4d", "seresnext26t_32x4d"),
    "RegNet": ("regnetx_002", "regnety_002"),
    "MobileNet": ("mobilenetv2_100", "mobilenetv3_small_100", "mobilenetv3_large_100", "mobilenetv4_conv_small"),
    "EfficientNet": ("efficientnet_b0", "tf_efficientnet_lite0", "tf_efficientnet_lite2", "tf_efficientnetv2_b0"),
    "ConvNeXt": ("convnext_atto", "convnextv2_atto"),
    "ViT": ("vit_tiny_patch16_224", "vit_small_patch32_224"),
    "DeiT": ("deit_tiny_patch16_224", "deit3_small_patch16_224"),
    "other": ("mixer_s32_224", "poolformer_s12", "ghostnet_100", "mobilevit_s"),
    "without a skip": ("vgg11", "densenet121", "repvgg_a0", "swin_tiny_patch4_window7_224", "levit_128s"),
}


@click.command()
@click.option("--family", "families", multiple=True, help="default: all")
@click.option("--train", is_flag=True, help="train one network of each family on the digits")
@click.option("--epochs", default=3, show_default=True, help="of each training")
@click.option("--runs", type=click.Path(path_type=Path), help="where trainings lie; default: nowhere for long")
@click.option("--out", type=click.Path(path_type=Path), help="write adapted.csv and refused.csv, or trained.csv, there")
def main(families: tuple[str, ...], train: bool, epochs: int, runs: Path | None, out: Path | None) -> None:
    """What is made of timm's networks."""
    known = list(TRAINED if train else FAMILIES)
    if unknown := [family for family in families if family not in known]:
        raise click.UsageError(f"no family {unknown[0]}: choose from {', '.join(known)}")
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for family in families or known:
            for row in trained(family, runs or Path(temporary), epochs) if train else adapted(family):
                rows.append(row)
                click.echo(" ".join(f"{key}={value}" for key, value in row.items()))
    if out:
        _write(out, rows, train)


def _write(out: Path, rows: list[dict[str, object]], train: bool) -> None:
    refused, rest = ([row for row in rows if ("refused" in row) is wanted] for wanted in (True, False))
    out.mkdir(parents=True, exist_ok=True)
    for name, found in {"trained": rest}.items() if train else {"adapted": rest, "refused": refused}.items():
        pd.DataFrame(found).to_csv(out / f"{name}.csv", index=False)


def adapted(family: str) -> Iterator[dict[str, object]]:
    """The rows of a family."""
    for name in FAMILIES[family]:
        yield {"family": family, "network": name, **described(name), "commit": environment.commit()}


def described(name: str) -> dict[str, object]:
    """The columns of a network that is adapted, or of one that is refused."""
    torch.manual_seed(0)
    model = models.create(name, classes=1000).eval()
    try:
        backbone = from_timm(name, model)
    except BadInput as error:
        return {"refused": str(error).partition("block by block: ")[2]}
    return {
        "blocks": len(backbone.blocks),
        "difference": f"{models.difference(model, lambda twin: see(name, twin)):.1e}",
        "macs": count_backbone(backbone).total,
        "counter": counter_macs(model.eval(), backbone.image_shape),
        "channels": blocks_with_channels(backbone),
    }


@torch.no_grad()
def counter_macs(model: nn.Module, image_shape: tuple[int, int, int]) -> int:
    """MACs of one image through timm's own network, by a counter that is not ours."""
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False  # fused on a CPU it is no operator that the counter knows
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, *image_shape))
    return counter.get_total_flops() // 2


if __name__ == "__main__":
    main()
