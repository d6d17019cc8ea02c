"""One batch in micro-batches, one after the other or shared among processes: the same step either way.

Every micro-batch starts from the same weights, statistics and thresholds, draws from a seed of its own and counts for
the same share; gradients, and whatever the pass changed in the network's buffers, are averaged over all of them. So it
does not matter which process computes which: N processes differ from one by the order in which floats are summed. What
a loss takes the mean of, and batch norm normalises over, is the micro-batch, as in training on several GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from bench.errors import BadInput
from bench.system.distributed import Shard, all_reduce, rank, world_size


def require_shares(batch_size: int, micro_batch: int, images: int) -> Shard:
    """This process's share of every batch.

    Raises:
        BadInput: batches that do not come out even.
    """
    if images < batch_size:
        raise BadInput(f"{images} training images do not fill one batch of {batch_size}: give a smaller --batch-size")
    if not micro_batch:
        if world_size() > 1:
            raise BadInput(f"{world_size()} processes need to know what each of them computes: give --micro-batch N")
        return Shard()
    if batch_size // micro_batch % world_size():
        raise BadInput(
            f"{batch_size // micro_batch} micro-batches (--batch-size {batch_size}, --micro-batch {micro_batch}) "
            f"cannot be shared among {world_size()} processes"
        )
    return Shard(rank(), world_size())


def numbered(size: int, micro_batch: int) -> range:
    """Numbers, within the whole batch, of the micro-batches in this process's ``size`` images of it."""
    count = size // micro_batch
    return range(rank() * count, (rank() + 1) * count)


@torch.no_grad()
def accumulate(network: nn.Module, passes: Iterable[Callable[[], float]], total: int) -> float:
    """Runs ``passes``, this process's part of ``total``, and leaves the mean gradient in the parameters.

    Args:
        passes: each a forward and a backward pass over one micro-batch, with a loss divided by ``total``, which is
            returned.

    Returns:
        The mean loss over all micro-batches of all processes.
    """
    before = [buffer.clone() for buffer in network.buffers()]
    moved = [torch.zeros_like(start) for start in _floating(before)]
    loss = 0.0
    for run in passes:
        for buffer, start in zip(network.buffers(), before):
            buffer.copy_(start)
        with torch.enable_grad():
            loss += run()
        # Listed anew: a pass may have put another tensor in a buffer's place.
        for sum_, buffer, start in zip(moved, _floating(network.buffers()), _floating(before)):
            sum_.add_((buffer - start) / total)
    if world_size() > 1:
        loss = _add_up([parameter for parameter in network.parameters() if parameter.requires_grad], moved, loss)
    for buffer, start, sum_ in zip(_floating(network.buffers()), _floating(before), moved):
        buffer.copy_(start + sum_)
    return loss


def _floating(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [tensor for tensor in tensors if tensor.is_floating_point()]


def _add_up(parameters: list[nn.Parameter], moved: list[Tensor], loss: float) -> float:
    """Sums gradients, ``moved`` and ``loss`` over processes, in one message.

    No DistributedDataParallel: one step of some methods runs several passes and reads the network's inner parts.
    """
    device = parameters[0].device
    gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
    known = torch.tensor([loss, *(one.grad is not None for one in parameters)], device=device, dtype=torch.float32)
    message = [known, *gradients, *moved]
    flat = torch.cat([tensor.flatten().to(device, torch.float32) for tensor in message])
    all_reduce(flat)
    for tensor, values in zip(message, flat.split([tensor.numel() for tensor in message])):
        tensor.copy_(values.view_as(tensor))
    for parameter, gradient, is_known in zip(parameters, gradients, known[1:].tolist()):
        parameter.grad = gradient if is_known else None
    return float(known[0])
