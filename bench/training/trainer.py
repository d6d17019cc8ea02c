"""One loop that runs any method's stages, with a checkpoint after every epoch and within long ones."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.data import DataSet
from bench.data.recorded import require_sound_loss
from bench.measurement.evaluation import evaluate
from bench.methods.interface import Stage, Step
from bench.networks.network import DynamicNetwork
from bench.records.summary import point_tolerance
from bench.system.distributed import agreed, rank, together
from bench.system.seeds import derive_seed
from bench.training.accumulation import accumulate, numbered, require_shares
from bench.training.checkpoint import load_checkpoint, save_checkpoint
from bench.training.gate_statistics import recalibrate_gates

PRECISIONS = ("float32", "bfloat16")
REFERENCE_BATCH = 128
"""Batch size that SGD learning rates are given for."""


@dataclass(frozen=True)
class Recipe:
    """What all methods of a comparison share.

    Attributes:
        distillation: weight of the dense network's softened outputs in the task's loss (Hinton et al.,
            arXiv 1503.02531), 0 to 1; the rest is cross-entropy with the labels.
        temperature: of the softened outputs.
        precision: of the backbone's arithmetic in training: ``float32``, or ``bfloat16`` by autocast, with weights,
            decisions and losses in float32. Validation and tests are always float32.
        micro_batch: images of a batch that are forwarded together (:mod:`bench.training.accumulation`); 0: all of them.
        checkpoint_s: seconds between checkpoints within an epoch, where there are micro-batches: only then does a
            step's randomness not depend on the steps before it.
    """

    batch_size: int = 128
    distillation: float = 0.5
    temperature: float = 4.0
    label_smoothing: float = 0.0
    precision: str = "float32"
    compile: bool = False
    micro_batch: int = 0
    checkpoint_s: float = 600.0

    def autocast(self, device: torch.device) -> torch.autocast:
        """The context that a training step runs its forward passes in."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bfloat16")


@dataclass
class Progress:
    """Where training stands: everything a resumed run needs besides the configuration.

    Attributes:
        step: steps done of the epoch.
        total: sum of their losses.
        first: the loss that the stage began with; None before its first step.
    """

    stage: int
    epoch: int
    rows: list[dict]
    best_key: tuple
    best_state: dict[str, Tensor]
    step: int = 0
    total: float = 0.0
    first: float | None = None


EpochCallback = Callable[[dict], None]


def train(
    network: DynamicNetwork,
    stages: Sequence[Stage],
    data: DataSet,
    recipe: Recipe,
    *,
    point: float | None,
    seed: int,
    teacher: nn.Module | None,
    checkpoint: Path,
    identity: str = "",
    dense_macs: int | None = None,
    on_epoch: EpochCallback = lambda row: None,
) -> pd.DataFrame:
    """Trains in place and leaves ``network`` with the weights that were best on the validation split.

    *Best* is the highest validation accuracy among epochs of the last stage whose MACs fraction is within
    :func:`point_tolerance` of ``point``, as a record is asked on the test images; where none is, see
    :func:`selection_key`.

    Args:
        teacher: the dense network to distil from, or None.
        checkpoint: written after each epoch, by the first process; if it exists, training continues behind it.
        identity: names job and data, so that no training continues another one's checkpoint.
        dense_macs: of the unmodified backbone, which fractions refer to; None: those of ``network`` as it is given,
            which may have lost channels already.

    Returns:
        One row per epoch.

    Raises:
        BadInput: the loss became NaN or infinite or exploded, outputs became NaN, or the checkpoint is another job's.
    """
    device = next(network.parameters()).device
    dense_macs = dense_macs or network.backbone_cost.total
    network.to(memory_format=torch.channels_last)
    forward = torch.compile(network) if recipe.compile else network
    if teacher is not None:
        teacher = teacher.eval().to(memory_format=torch.channels_last)
    progress = Progress(0, 0, [], (), {})
    saved = load_checkpoint(checkpoint, identity, device)
    for number, stage in enumerate(stages):
        if saved is not None and number < saved["stage"]:
            continue
        if saved is None and stage.begin is not None:
            stage.begin(network)
        optimisers = _optimisers(network, stage, recipe.batch_size)
        if saved is not None:
            progress = _restore(saved, network, optimisers)
            saved = None
        else:
            progress.stage, progress.epoch, progress.first = number, 0, None

        save = partial(_save, checkpoint, progress, network, optimisers, identity)
        while progress.epoch < stage.epochs:
            started = time.perf_counter()
            loss = _epoch(forward, network, stage, progress, optimisers, data, recipe, teacher, seed, save)
            seconds = time.perf_counter() - started
            recalibrate_gates(network, data)
            row = _row(network, data, stage, progress.epoch, loss, seconds, dense_macs)
            progress.rows.append(row)
            progress.epoch, progress.step, progress.total = progress.epoch + 1, 0, 0.0
            if number == len(stages) - 1:
                _keep_best(progress, network, row, point)
            with agreed():
                save()
            on_epoch(row)
    if progress.best_state:
        network.load_state_dict(progress.best_state)
    return pd.DataFrame(progress.rows)


def _optimisers(network: DynamicNetwork, stage: Stage, batch_size: int) -> list[torch.optim.Optimizer]:
    """One optimiser per group; everything that no group names is frozen."""
    network.requires_grad_(False)
    optimisers = []
    for group in stage.groups:
        for parameter in group.parameters:
            parameter.requires_grad_(True)
        if group.optimiser == "adamw":
            optimiser = torch.optim.AdamW(group.parameters, group.lr, weight_decay=group.weight_decay)
        else:
            # Linear scaling with the batch (Goyal et al., arXiv 1706.02677).
            lr = group.lr * batch_size / REFERENCE_BATCH
            optimiser = torch.optim.SGD(
                group.parameters, lr, momentum=0.9, nesterov=True, weight_decay=group.weight_decay
            )
        optimisers.append(optimiser)
    for optimiser in optimisers:
        optimiser.param_groups[0]["peak_lr"] = optimiser.param_groups[0]["lr"]
    return optimisers


def _epoch(forward, network, stage, progress, optimisers, data, recipe, teacher, seed, save) -> float:
    """Trains for what is left of one epoch; returns its mean loss. All randomness is seeded by (seed, stage, epoch).

    ``save`` writes a checkpoint in the middle of it.
    """
    epoch_seed = derive_seed(seed, stage.name, progress.stage, progress.epoch)
    torch.manual_seed(epoch_seed)
    generator = torch.Generator().manual_seed(epoch_seed)
    network.train()
    if not any(parameter.requires_grad for parameter in network.backbone.parameters()):
        network.backbone.eval()  # a frozen backbone keeps its batch-norm statistics too
    steps = max(1, len(data.train) // min(recipe.batch_size, len(data.train)))
    share = require_shares(recipe.batch_size, recipe.micro_batch, len(data.train))
    batches = data.train.shuffled(recipe.batch_size, generator, data.augment, share, progress.step)
    if recipe.micro_batch:
        batches = _saving(batches, save, recipe.checkpoint_s)
    for images, labels in together(batches):
        done = (progress.epoch + progress.step / steps) / stage.epochs
        for optimiser in optimisers:
            settings = optimiser.param_groups[0]
            settings["lr"] = settings["peak_lr"] * _schedule(done, stage.warmup)
            optimiser.zero_grad(set_to_none=True)
        step_seed = derive_seed(epoch_seed, progress.step)
        value = _gradients(forward, network, stage, images, labels, done, data, recipe, teacher, step_seed)
        progress.first = value if progress.first is None else progress.first
        where = f"stage {stage.name!r}, epoch {progress.epoch + 1}, step {progress.step + 1}"
        require_sound_loss(value, progress.first, where)
        for optimiser in optimisers:
            optimiser.step()
        progress.total += value
        progress.step += 1
    return progress.total / steps


def _saving(batches: Iterable, save: Callable[[], None], every_s: float) -> Iterator:
    """Yields ``batches``; between two of them, every so often, saves."""
    saved = time.monotonic()
    for batch in batches:
        yield batch
        if time.monotonic() - saved >= every_s:
            save()
            saved = time.monotonic()


def _gradients(forward, network, stage, images, labels, done, data, recipe, teacher, seed) -> float:
    """Leaves the gradient of this process's ``images`` and all others' in the parameters; returns the mean loss."""
    device = next(network.parameters()).device

    def run(images: Tensor, labels: Tensor, parts: int) -> float:
        images, labels = data.normalise(images.to(device, non_blocking=True)), labels.to(device)
        with recipe.autocast(device):
            step = Step(images, labels, done, _sample_loss(images, labels, recipe, teacher))
            loss = stage.loss(forward, step)
        loss = loss / parts if parts > 1 else loss
        loss.backward()
        return loss.item()

    if not recipe.micro_batch:
        return run(images, labels, 1)
    parts = recipe.batch_size // recipe.micro_batch

    def passes() -> Iterator[Callable[[], float]]:
        numbers = numbered(len(labels), recipe.micro_batch)
        micro = zip(numbers, images.split(recipe.micro_batch), labels.split(recipe.micro_batch))
        for number, some, theirs in micro:
            torch.manual_seed(derive_seed(seed, number))
            yield partial(run, some, theirs, parts)

    return accumulate(network, passes(), parts)


def _schedule(done: float, warmup: float) -> float:
    """Linear rise over ``warmup``, then cosine descent to zero."""
    if done < warmup:
        return (done + 1e-3) / (warmup + 1e-3)
    return 0.5 * (1 + math.cos(math.pi * (done - warmup) / (1 - warmup)))


def _sample_loss(images: Tensor, labels: Tensor, recipe: Recipe, teacher: nn.Module | None):
    """The task's loss of each sample: cross-entropy, mixed with distillation where there is a teacher."""
    weight = 0.0 if teacher is None else recipe.distillation
    if weight:
        with torch.no_grad():
            soft = F.softmax(teacher(images).float() / recipe.temperature, 1)

    def loss(logits: Tensor) -> Tensor:
        logits = logits.float()
        hard = F.cross_entropy(logits, labels, reduction="none", label_smoothing=recipe.label_smoothing)
        if not weight:
            return hard
        mine = F.log_softmax(logits / recipe.temperature, 1)
        divergence = F.kl_div(mine, soft, reduction="none").sum(1) * recipe.temperature**2
        return (1 - weight) * hard + weight * divergence

    return loss


def _row(
    network: DynamicNetwork, data: DataSet, stage: Stage, epoch: int, loss: float, seconds: float, dense_macs: int
) -> dict:
    samples = evaluate(network, data, data.validation).samples
    fraction = samples["macs"] / dense_macs
    return {
        "stage": stage.name,
        "epoch": epoch + 1,
        "of": stage.epochs,
        "loss": loss,
        "validation_top1": 100 * float(samples["correct"].mean()),
        "validation_macs_fraction": float(fraction.mean()),
        "validation_macs_fraction_std": float(fraction.std(ddof=0)),
        "seconds": seconds,
    }


def selection_key(row: Mapping, point: float | None) -> tuple[int, float]:
    """What the choice of an epoch, or of a trial, goes by; the larger is the better.

    Validation accuracy decides among those that meet the operating point. The others come behind them, in steps of one
    tolerance: a network that has learned does not lose to one that has not for a thousandth of the MACs.

    Args:
        row: of the history that ``train`` returns.
    """
    steps = 0.0 if point is None else abs(row["validation_macs_fraction"] - point) / point_tolerance(point)
    return -max(1, math.ceil(steps)), row["validation_top1"]


def _keep_best(progress: Progress, network: DynamicNetwork, row: dict, point: float | None) -> None:
    key = selection_key(row, point)  # later wins a tie
    if not progress.best_state or key >= progress.best_key:
        progress.best_key = key
        progress.best_state = copy.deepcopy(network.state_dict())


def _save(
    path: Path,
    progress: Progress,
    network: nn.Module,
    optimisers: list[torch.optim.Optimizer],
    identity: str,
) -> None:
    if rank() == 0:
        save_checkpoint(path, _state(progress, network, optimisers), identity)


def _state(progress: Progress, network: nn.Module, optimisers: list[torch.optim.Optimizer]) -> dict:
    return {
        "stage": progress.stage,
        "epoch": progress.epoch,
        "rows": progress.rows,
        "best_key": list(progress.best_key),
        "best_state": progress.best_state,
        "step": progress.step,
        "total": progress.total,
        "first": progress.first,
        "network": network.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
    }


def _restore(saved: dict, network: DynamicNetwork, optimisers: list[torch.optim.Optimizer]) -> Progress:
    network.load_state_dict(saved["network"])
    for optimiser, state in zip(optimisers, saved["optimisers"], strict=True):
        optimiser.load_state_dict(state)
    names = ("stage", "epoch", "rows", "best_key", "best_state", "step", "total", "first")
    return Progress(**{name: saved[name] for name in names} | {"best_key": tuple(saved["best_key"])})
