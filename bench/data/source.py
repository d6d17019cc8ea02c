"""What a data set registers, and how it is loaded by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.choices import DATASETS
from bench.data.dataset import DataSet
from bench.errors import BadInput

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]
USUAL = {"fine_tuning_lr": 0.02}


@dataclass(frozen=True)
class DataOptions:
    """How images are read; data sets that are held in memory need only ``mean`` and ``std``.

    Attributes:
        backbone: decides size, crop, interpolation and normalisation, as timm has them for it.
        outputs: classes that given weights tell apart; None: the network is made for the classes at hand.
        train_size: height and width of training images; 0: those of test images.
        workers: processes that decode images; None: as many as there are cores to spare.
        prefetch: batches that each worker keeps ready.
        mean: what images are normalised with, per channel, as given weights may want it; empty: the data set's own.
        std: likewise.
    """

    backbone: str = "resnet18"
    outputs: int | None = None
    train_size: int = 0
    workers: int | None = None
    prefetch: int = 2
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@dataclass(frozen=True)
class DataSetDefaults:
    """What ``bench run`` uses for a data set unless told otherwise.

    Attributes:
        backbone: name of the backbone.
        training: by budget, the options of a suite whose default is None, by name: ``epochs`` of a method on top of a
            trained backbone, ``backbone_epochs`` of the backbone from its initialisation, ``batch_size``, to which
            learning rates of SGD are proportional, ... What is named neither here nor in ``USUAL`` is off.
        points: operating points, fractions of the dense backbone's MACs.
        timed_images: test images that networks are timed on, where they are small: a multiple of the batch of 64.
    """

    backbone: str
    training: dict[str, dict[str, Any]]
    points: tuple[float, ...] = (0.5,)
    timed_images: int = 256

    def options(self, budget: str) -> dict[str, Any]:
        """The options of a suite that nobody said, by name."""
        return USUAL | self.training[budget]


@dataclass(frozen=True)
class Source:
    """A data set as it is registered.

    Attributes:
        module: what reads it. It has ``load(data_dir, options)``, which returns a :class:`DataSet`;
            ``normalisation(backbone)``, which returns mean and standard deviation per channel; and, where the images
            can be downloaded freely, ``download(folder)``. All of them raise BadInput.
        from_files: whether images are files of any size: resized for the backbone, which is one of timm's, and decoded
            when they are needed. Else they are held in memory.
        image_size: height and width of images that are held in memory. Costs are counted for it.
    """

    module: str
    defaults: DataSetDefaults
    from_files: bool = False
    image_size: int = 32

    def reader(self) -> ModuleType:
        """The module, imported on demand: torchvision and scikit-learn take seconds."""
        return import_module(self.module)


def load_source(name: str) -> Source:
    """What the data set ``name`` registers.

    Raises:
        BadInput: an unknown name, or a plug-in that cannot be imported or registers something else.
    """
    source = DATASETS.load(name)
    if not isinstance(source, Source):
        raise BadInput(f"data set {name!r} registers no bench.data.Source")
    return source


def own_normalisation(name: str, backbone: str) -> Normalisation:
    """Mean and standard deviation that the data set ``name`` is normalised with where nobody says otherwise."""
    return load_source(name).reader().normalisation(backbone)


def load_data(name: str, data_dir: Path | None, options: DataOptions | None = None) -> DataSet:
    """Loads the data set ``name``.

    Raises:
        BadInput: an unknown name, images that are missing or corrupt, or of another size than was registered.
    """
    options = options or DataOptions()
    source = load_source(name)
    data = source.reader().load(data_dir, options)
    if not source.from_files:
        _check_size(data, source)
    return replace(data, mean=tuple(options.mean), std=tuple(options.std)) if options.mean else data


def _check_size(data: DataSet, source: Source) -> None:
    height, width = data.test.first(1).images.shape[-2:]
    if (height, width) != (source.image_size, source.image_size):
        raise BadInput(f"{data.name}: images of {height}x{width} pixels, but registered are {source.image_size}")


def download_data(name: str, data_dir: Path | None) -> None:
    """Downloads the data set ``name`` into ``data_dir``, unless it is there already.

    Raises:
        BadInput: no folder is given, the images are not free to download, or the download fails or is damaged.
    """
    reader = load_source(name).reader()
    if not hasattr(reader, "download"):
        raise BadInput(f"--download: the images of {name} cannot be downloaded from here")
    if data_dir is None:
        raise BadInput("--download needs a folder: give --data-dir DIR (or BENCH_DATA)")
    reader.download(data_dir)
