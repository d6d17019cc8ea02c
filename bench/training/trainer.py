"""One loop that runs any method's stages, with a checkpoint after every epoch and within long ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import pandas as pd
import torch
from torch import Tensor, nn

from bench.data import DataSet
from bench.measurement.evaluation import evaluate
from bench.methods.interface import Stage, TrainingBatch
from bench.networks.network import DynamicNetwork
from bench.recipe import Recipe
from bench.system.distributed import all_agree, all_next, rank
from bench.system.seeds import derive_seed
from bench.training.accumulation import accumulate, numbered, require_shares
from bench.training.checkpoint import Checkpoint
from bench.training.gate_statistics import update_gate_statistics
from bench.training.losses import make_sample_loss, require_finite_loss
from bench.training.optimisers import make_optimisers, prepare_step
from bench.training.progress import Progress
from bench.training.selection import selection_key

Optimisers = Sequence[torch.optim.Optimizer]


@dataclass
class Trainer:
    """Trains one network through its stages and keeps the weights that were best on validation images.

    All randomness is seeded by ``seed``, stage, epoch and step, so that a resumed training ends with the same bits.

    Attributes:
        network: trained in place.
        recipe: what all methods of a comparison share.
        checkpoint: is written after each epoch, by the first process; training continues behind it.
        point: wanted MACs fraction; None where a method has none.
        teacher: the dense network to distil from, or None.
        dense_macs: of the unmodified backbone, which fractions refer to; None: those of ``network`` as it is given,
            which may have lost channels already.
        compile: whether steps run through ``torch.compile``.
        on_epoch: called with each epoch's row.
        calibrate: called before each validation; sets what no gradient sets.
    """

    network: DynamicNetwork
    data: DataSet
    recipe: Recipe
    checkpoint: Checkpoint
    point: float | None = None
    seed: int = 0
    teacher: nn.Module | None = None
    dense_macs: int | None = None
    compile: bool = False
    on_epoch: Callable[[dict], None] = lambda row: None
    calibrate: Callable[[DynamicNetwork], object] = lambda network: None

    def __post_init__(self) -> None:
        self.device = next(self.network.parameters()).device
        self.dense_macs = self.dense_macs or self.network.backbone_cost.total
        self.network.to(memory_format=torch.channels_last)
        self.forward = torch.compile(self.network) if self.compile else self.network
        if self.teacher is not None:
            self.teacher = self.teacher.eval().to(memory_format=torch.channels_last)

    def fit(self, stages: Sequence[Stage]) -> pd.DataFrame:
        """Runs all ``stages``, behind the checkpoint where there is one.

        *Best* is the highest validation accuracy among epochs of the last stage whose MACs fraction is within
        :func:`bench.records.points.point_tolerance` of ``point``; where none is, see
        :func:`bench.training.selection.selection_key`.

        Returns:
            One row per epoch.

        Raises:
            BadInput: the loss became NaN or infinite or exploded, outputs became NaN, or the checkpoint is another
                job's.
        """
        progress = Progress()
        saved = self.checkpoint.load(self.device)
        for number, stage in enumerate(stages):
            if saved is not None and number < saved["stage"]:
                continue
            optimisers = self.begin(number, stage, progress, saved)
            saved = None
            while progress.epoch < stage.epochs:
                row = self.run_epoch(stage, optimisers, progress)
                progress.end_epoch(row)
                if number == len(stages) - 1:
                    progress.keep_if_best(self.network, selection_key(row, self.point))
                with all_agree():
                    self.save(progress, optimisers)
                self.on_epoch(row)
        if progress.best_state:
            self.network.load_state_dict(progress.best_state)
        return pd.DataFrame(progress.rows)

    def begin(self, number: int, stage: Stage, progress: Progress, saved: dict | None) -> Optimisers:
        """The optimisers of a stage that starts, or that goes on from what was ``saved`` within it."""
        if saved is None and stage.begin is not None:
            stage.begin(self.network)
        optimisers = make_optimisers(self.network, stage, self.recipe.batch_size)
        if saved is None:
            progress.begin_stage(number)
        else:
            progress.restore(saved, self.network, optimisers)
        return optimisers

    def run_epoch(self, stage: Stage, optimisers: Optimisers, progress: Progress) -> dict:
        """Trains what is left of an epoch and validates; returns the epoch's row."""
        started = time.perf_counter()
        loss = self.train_epoch(stage, optimisers, progress)
        seconds = time.perf_counter() - started
        update_gate_statistics(self.network, self.data)
        self.calibrate(self.network)
        epoch = {"stage": stage.name, "epoch": progress.epoch + 1, "of": stage.epochs, "loss": loss}
        return epoch | self.validate() | {"seconds": seconds}

    def train_epoch(self, stage: Stage, optimisers: Optimisers, progress: Progress) -> float:
        """Trains for what is left of one epoch; returns its mean loss."""
        seed = derive_seed(self.seed, stage.name, progress.stage, progress.epoch)
        torch.manual_seed(seed)
        self.network.train()
        if not any(parameter.requires_grad for parameter in self.network.backbone.parameters()):
            self.network.backbone.eval()  # a frozen backbone keeps its batch-norm statistics too
        steps = len(self.data.train) // self.recipe.batch_size
        for images, labels in all_next(self.batches(stage.views, seed, optimisers, progress)):
            done = (progress.epoch + progress.step / steps) / stage.epochs
            prepare_step(optimisers, done, stage.warmup)
            loss = self.accumulate_gradients(stage, images, labels, done, derive_seed(seed, progress.step))
            progress.first = loss if progress.first is None else progress.first
            where = f"stage {stage.name!r}, epoch {progress.epoch + 1}, step {progress.step + 1}"
            require_finite_loss(loss, progress.first, where)
            for optimiser in optimisers:
                optimiser.step()
            progress.add(loss)
        return progress.total / steps

    def batches(
        self, views: int, seed: int, optimisers: Optimisers, progress: Progress
    ) -> Iterable[tuple[Tensor, Tensor]]:
        """This process's share of the epoch's batches that are left; between two of them it may save."""
        recipe, generator = self.recipe, torch.Generator().manual_seed(seed)
        share = require_shares(recipe.batch_size, recipe.micro_batch, len(self.data.train))
        order = recipe.batch_size, generator, self.data.augment, share, progress.step
        batches = self.data.train.shuffled(*order, views)
        if not recipe.micro_batch:
            return batches
        return _calling(batches, partial(self.save, progress, optimisers), self.checkpoint.every_s)

    def accumulate_gradients(self, stage: Stage, images: Tensor, labels: Tensor, done: float, seed: int) -> float:
        """Leaves the gradient of this process's ``images`` and all others' in the parameters; returns the mean loss."""
        micro = self.recipe.micro_batch
        if not micro:
            return self.backward(stage, images, labels, done, 1)
        parts = self.recipe.batch_size // micro

        def passes() -> Iterator[Callable[[], float]]:
            size = micro * stage.views
            pieces = zip(numbered(len(labels), size), images.split(size), labels.split(size))
            for number, some_images, some_labels in pieces:
                torch.manual_seed(derive_seed(seed, number))
                yield partial(self.backward, stage, some_images, some_labels, done, parts)

        return accumulate(self.network, passes(), parts)

    def backward(self, stage: Stage, images: Tensor, labels: Tensor, done: float, parts: int) -> float:
        """Adds the gradient of one of ``parts`` micro-batches; returns its share of the loss."""
        images = self.data.normalise(images.to(self.device, non_blocking=True))
        labels = labels.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            sample_loss = make_sample_loss(images, labels, self.recipe, self.teacher)
            step = TrainingBatch(images, labels, done, sample_loss, stage.views)
            loss = stage.loss(cast(DynamicNetwork, self.forward), step)
        loss = loss / parts if parts > 1 else loss
        loss.backward()
        return loss.item()

    def validate(self) -> dict:
        """Accuracy in percent and MACs fraction, with its deviation between images, on the validation images."""
        samples = evaluate(self.network, self.data, self.data.validation).samples
        fraction = samples["macs"] / self.dense_macs
        return {
            "validation_top1": 100 * float(samples["correct"].mean()),
            "validation_macs_fraction": float(fraction.mean()),
            "validation_macs_fraction_std": float(fraction.std(ddof=0)),
        }

    def save(self, progress: Progress, optimisers: Optimisers) -> None:
        """Writes the checkpoint, if this is the first process."""
        if rank() == 0:
            self.checkpoint.save(progress.state(self.network, optimisers))


def _calling(batches: Iterable, save: Callable[[], None], every_s: float) -> Iterator:
    """Yields ``batches``; between two of them, every so often, saves."""
    saved = time.monotonic()
    for batch in batches:
        yield batch
        if time.monotonic() - saved >= every_s:
            save()
            saved = time.monotonic()
