"""Names that people choose among on the command line.

They stand here, and not beside what they name, so that help and completion know them without loading torch.
"""

from __future__ import annotations

import re

from bench.choices.entries import BACKBONES, DATASETS, METHODS
from bench.errors import BadInput

BUDGETS = ("quick", "paper")
PRECISIONS = ("float32", "bfloat16")
"""Of training."""
INFERENCE_PRECISIONS = ("float32", "tf32", "bfloat16")
DEVICES = ("auto", "cpu", "cuda")
EXECUTORS = ("torch", "native", "triton", "onnxruntime", "auto")
ENGINES = ("inline", "local", "slurm")
FORMATS = ("md", "csv", "latex", "html")
EXPORTS = {"onnx": "onnx", "torch": "pt2"}
"""What trained networks are exported as, and how names of such files end."""
CONVENTIONS = ("macs", "flops")
CHALLENGER = "lcnet"
"""Whom ``bench report`` holds against all other methods, where nobody says otherwise."""
TIERS = ("fast", "full")
SHIPPED_FOLDER = "results"
"""Where shipped networks lie in the repository."""
SHIPPED = "(shipped)"
"""What stands for that folder, wherever it is, where none is given."""

CORRUPTIONS = (
    "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "snow",
    "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression",
)  # fmt: skip
"""Those of ImageNet-C and CIFAR-10-C (Hendrycks and Dietterich, ICLR 2019)."""
SHIFTS = (*CORRUPTIONS, "resolution", "jpeg_quality", "darkness")
"""What ``bench stress`` does to test images."""
SEVERITIES = (1, 2, 3, 4, 5)
ATTACKS = ("cost", "cost_kept", "universal")
"""How ``bench stress`` raises the cost of images: each by a change of its own, with its prediction kept, all by one."""

ON_FILES = ("imagenet", "folder", "timm")
"""Data sets of ours whose images are files of any size, for networks of timm's."""
CIFAR_DEPTHS = tuple(range(8, 111, 6))
"""Depths 6n + 2 of CIFAR's ResNets."""
IMAGENET_BACKBONES = ("resnet18", "resnet34", "resnet50", "resnet101", "wide_resnet50_2", "resnext50_32x4d")
"""timm's. The last two have bottlenecks of another shape: twice as wide inside, and with grouped convolutions."""


def method_names() -> list[str]:
    """Names of all registered methods, ``dense`` first; none of them is imported."""
    return sorted(METHODS.names(), key=lambda name: (name != "dense", name))


def dataset_names() -> list[str]:
    """Names of all registered data sets, ours first; none of them is imported."""
    return DATASETS.names()


def backbone_names(dataset: str) -> list[str]:
    """Names of backbones for a data set.

    Each of CIFAR's also with ``b`` (projection shortcuts) and ``-w0.5`` (width).
    """
    ours = IMAGENET_BACKBONES if dataset in ON_FILES else [f"resnet{depth}" for depth in CIFAR_DEPTHS]
    return [*ours, *BACKBONES.names()]


_SPELLED = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<choices>[^\[\]]*)\])?")
_BETWEEN_PARTS = re.compile(r",(?![^\[]*\])")


def split_list(text: str) -> tuple[str, ...]:
    """The parts of a list such as ``dense,lcnet[price=0,start=0.5]``: commas in brackets part nothing.

    Raises:
        ValueError: a part that is empty, as of a variable that is not set.
    """
    parts = tuple(part.strip() for part in _BETWEEN_PARTS.split(text))
    if not all(parts):
        raise ValueError(f"{text!r} has an empty part")
    return parts


def parse_method(text: str) -> tuple[str, dict[str, str]]:
    """A method's name and its choices, both as written.

    Raises:
        BadInput: not of the form ``name`` or ``name[choice=value,...]``, or a choice made twice.
    """
    match = _SPELLED.fullmatch(text.strip())
    if match is None:
        raise BadInput(f"a method is written name or name[choice=value,...], not {text!r}")
    choices: dict[str, str] = {}
    for part in filter(None, (match["choices"] or "").split(",")):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not name or not value:
            raise BadInput(f"choices of a method are written choice=value, not {part!r} in {text!r}")
        if name in choices:
            raise BadInput(f"{text!r} chooses {name} twice")
        choices[name] = value
    return match["name"].strip(), choices
