"""The memory layout that float32 convolutions are fastest in."""

from __future__ import annotations

import torch


def layout(device: torch.device) -> torch.memory_format:
    """Channels last on processors; channels first on NVIDIA's accelerators.

    These keep channels last for their tensor cores, which compute no float32: on an H100, ResNet-110 takes 2.7 times as
    long in it (docs/skipping.md).
    """
    return torch.contiguous_format if device.type == "cuda" else torch.channels_last
